// Tables of colours, dashes and markers.

#include "cli/plot/palette.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace jitattn::cli {
namespace {

constexpr uint32_t kColors[] = {kBlue, kVermilion, kGreen, kPurple, kOrange, kSky, 0x4d4d4d};
constexpr std::string_view kDashes[] = {"solid", "(9,4)", "(2,3)", "(9,3,2,3)", "(14,3,5,3)"};
// Filled circle, square, triangle, upside-down triangle, diamond; then the same hollow.
constexpr int kPointTypes[] = {7, 5, 9, 11, 13, 6, 4, 8, 10, 12};

// Every sixteenth colour of cividis.
constexpr uint32_t kCividis[] = {0x00224e, 0x052b66, 0x1a386f, 0x2f436e, 0x414d6b, 0x50576c,
                                 0x5f636e, 0x6c6e72, 0x7b7b78, 0x8a8779, 0x9a9376, 0xaba074,
                                 0xbcae6c, 0xcfbd61, 0xe1cc55, 0xf3db42, 0xfee838};

}  // namespace

Look LookOf(int index) {
  return {.color = kColors[index % std::size(kColors)],
          .dash = static_cast<int>(index % std::size(kDashes)),
          .marker = static_cast<int>(index % std::size(kPointTypes))};
}

Look Faded(const Look& look, double opacity) {
  Look faded = look;
  faded.opacity = opacity;
  faded.marker = -1;
  return faded;
}

uint32_t Ramp(double t) {
  constexpr int kSteps = std::size(kCividis) - 1;
  const double at = std::clamp(t, 0.0, 1.0) * kSteps;
  const int low = std::min(static_cast<int>(at), kSteps - 1);
  const double part = at - low;
  uint32_t color = 0;
  for (int shift : {16, 8, 0}) {
    const double a = (kCividis[low] >> shift) & 255, b = (kCividis[low + 1] >> shift) & 255;
    color |= static_cast<uint32_t>(std::lround(a + part * (b - a))) << shift;
  }
  return color;
}

uint32_t InkOn(uint32_t color) {
  // Rec. 709 weights; the middle of perceived lightness lies near 46 % of full light.
  const double light =
      0.2126 * ((color >> 16) & 255) + 0.7152 * ((color >> 8) & 255) + 0.0722 * (color & 255);
  return light > 0.46 * 255 ? kInk : kPaper;
}

std::string_view DashOf(const Look& look) { return kDashes[look.dash % std::size(kDashes)]; }

int PointTypeOf(const Look& look) {
  return kPointTypes[std::max(look.marker, 0) % std::size(kPointTypes)];
}

}  // namespace jitattn::cli
