// Colours, dashes and markers of all pictures.

#ifndef JITATTN_CLI_PLOT_PALETTE_H_
#define JITATTN_CLI_PLOT_PALETTE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/plot/figure.h"

namespace jitattn::cli {

inline constexpr uint32_t kInk = 0x1a1a1a;    // words and axes
inline constexpr uint32_t kFaint = 0x6b6b6b;  // captions
inline constexpr uint32_t kGrid = 0xdcdcdc;
inline constexpr uint32_t kPaper = 0xffffff;
inline constexpr uint32_t kAbsent = 0xebebeb;  // a cell without a value
inline constexpr uint32_t kBlue = 0x0072b2, kVermilion = 0xd55e00, kGreen = 0x009e73,
                          kSky = 0x56b4e9, kOrange = 0xe69f00, kPurple = 0xcc79a7;

// Of the i-th of several: colours of Okabe and Ito (without yellow, which is lost on white) run
// against dashes and markers, so that the first 35 differ in colour and dash together.
Look LookOf(int index);

// Filled area or a bar in the colour of `look`.
Look Faded(const Look& look, double opacity);

// t in [0,1] → dark blue over grey to yellow: cividis (Nuñez et al. 2018), whose lightness grows
// evenly and which looks alike to people with and without colour vision.
uint32_t Ramp(double t);
// Black or white, whichever is read more easily on that colour.
uint32_t InkOn(uint32_t color);

std::string_view DashOf(const Look& look);  // gnuplot's dashtype
int PointTypeOf(const Look& look);          // gnuplot's pointtype

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_PALETTE_H_
