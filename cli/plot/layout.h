// Where everything in a figure stands, in pixels from its upper left corner.

#ifndef JITATTN_CLI_PLOT_LAYOUT_H_
#define JITATTN_CLI_PLOT_LAYOUT_H_

#include <string>
#include <vector>

#include "cli/plot/figure.h"

namespace jitattn::cli {

inline constexpr double kTitleSize = 15, kTextSize = 12, kSmallSize = 11;  // of letters

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
};

// A name in the legend with all marks that bear it.
struct LegendEntry {
  std::string name;
  std::vector<const Series*> series;
};

struct Layout {
  double width = 0, height = 0;
  double margin = 14;
  std::vector<Rect> panels;              // inside the axes, in the figure's order
  std::vector<double> label_x, label_y;  // of each panel: axis labels
  std::vector<std::string> title, caption;
  double title_y = 0, caption_y = 0;  // of the middle of the first line
  std::vector<LegendEntry> legend;
  double legend_x = 0, legend_y = 0;
};

inline constexpr double kTitleLine = 20, kCaptionLine = 15, kLegendLine = 19, kLegendSample = 34;

Layout LayOut(const Figure& figure);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_LAYOUT_H_
