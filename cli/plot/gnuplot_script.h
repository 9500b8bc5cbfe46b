// A figure as a script for gnuplot, data and all. Every word of a figure stands between single
// quotes, inside which gnuplot substitutes nothing, without enhanced text: no content of a file can
// become a command.

#ifndef JITATTN_CLI_PLOT_GNUPLOT_SCRIPT_H_
#define JITATTN_CLI_PLOT_GNUPLOT_SCRIPT_H_

#include <string>
#include <string_view>

#include "cli/plot/figure.h"

namespace jitattn::cli {

enum class Format { kSvg, kPng };

struct PictureSize {
  int width = 0, height = 0;  // pixels; a PNG has twice as many each way
};

PictureSize SizeOf(const Figure& figure);

// The whole script. With `output`, it writes that file in the folder where gnuplot runs; else to
// gnuplot's standard output.
std::string GnuplotScript(const Figure& figure, Format format, std::string_view output = "");

// 'text' for gnuplot, its single quotes made typographic ones: nothing in it can end the string.
std::string Quoted(std::string_view text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_GNUPLOT_SCRIPT_H_
