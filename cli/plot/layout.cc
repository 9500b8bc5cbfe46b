// Panels on a grid whose columns and rows are as wide as their widest panel with its labels.

#include "cli/plot/layout.h"

#include <algorithm>
#include <map>

#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

constexpr double kGap = 8;
constexpr double kLegendWidest = 280;

double WidestTick(const Axis& axis) {
  double widest = 0;
  for (const Tick& tick : axis.ticks) widest = std::max(widest, TextWidth(tick.label, kSmallSize));
  return widest;
}

struct Sides {
  double left = 0, right = 0, top = 0, bottom = 0;
};

Sides SidesOf(const Panel& panel) {
  Sides sides;
  const double y_ticks = WidestTick(panel.y), x_ticks = WidestTick(panel.x);
  sides.left = (panel.y.ticks.empty() ? 0 : y_ticks + 12) + (panel.y.label.empty() ? 0 : 20);
  sides.bottom = (panel.x.ticks.empty() ? 0
                  : panel.x.upright     ? x_ticks + 12
                                        : 22) +
                 (panel.x.label.empty() ? 0 : 18);
  sides.right = panel.x.ticks.empty() || panel.x.upright
                    ? 4
                    : TextWidth(panel.x.ticks.back().label, kSmallSize) / 2 + 2;
  sides.top = panel.title.empty() ? 8 : 24;
  return sides;
}

std::vector<LegendEntry> Legend(const Figure& figure) {
  std::vector<LegendEntry> legend;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (series.name.empty()) continue;
      auto entry = std::find_if(legend.begin(), legend.end(),
                                [&](const auto& e) { return e.name == series.name; });
      if (entry == legend.end()) entry = legend.insert(legend.end(), {series.name, {}});
      const bool seen = std::any_of(entry->series.begin(), entry->series.end(),
                                    [&](const Series* s) { return s->mark == series.mark; });
      if (!seen) entry->series.push_back(&series);
    }
  }
  return legend;
}

}  // namespace

Layout LayOut(const Figure& figure) {
  Layout layout;
  std::map<int, Sides> columns, rows;
  std::map<int, double> widths, heights;
  for (const Panel& panel : figure.panels) {
    const Sides sides = SidesOf(panel);
    Sides &column = columns[panel.column], &row = rows[panel.row];
    column.left = std::max(column.left, sides.left);
    column.right = std::max(column.right, sides.right);
    row.top = std::max(row.top, sides.top);
    row.bottom = std::max(row.bottom, sides.bottom);
    widths[panel.column] = std::max(widths[panel.column], panel.width);
    heights[panel.row] = std::max(heights[panel.row], panel.height);
  }
  double width = layout.margin;
  std::map<int, double> column_x, row_y;
  for (const auto& [column, sides] : columns) {
    column_x[column] = width + sides.left;
    width += sides.left + widths[column] + sides.right + kGap;
  }
  layout.legend = Legend(figure);
  if (!layout.legend.empty()) {
    layout.legend_x = width + 10;
    double names = TextWidth(figure.legend_title, kSmallSize);
    for (LegendEntry& entry : layout.legend) {
      entry.name = Fit(entry.name, kLegendWidest, kSmallSize);
      names = std::max(names, TextWidth(entry.name, kSmallSize) + kLegendSample + 8);
    }
    width = layout.legend_x + names;
  }
  layout.width = std::max(width + layout.margin, 360.0);
  const double room = layout.width - 2 * layout.margin;
  layout.title = Wrap(figure.title, room, kTitleSize * 1.08);  // bold
  layout.caption = Wrap(figure.caption, room, kSmallSize);
  double y = layout.margin;
  layout.title_y = y + kTitleLine / 2;
  y += kTitleLine * static_cast<double>(layout.title.size());
  layout.caption_y = y + kCaptionLine / 2 + 2;
  y += kCaptionLine * static_cast<double>(layout.caption.size()) + 8;
  layout.legend_y = y + 12;
  for (const auto& [row, sides] : rows) {
    row_y[row] = y + sides.top;
    y += sides.top + heights[row] + sides.bottom + kGap;
  }
  const double legend_end =
      layout.legend_y +
      kLegendLine * static_cast<double>(layout.legend.size() + !figure.legend_title.empty());
  layout.height = std::max(y, legend_end) + layout.margin - kGap / 2;
  for (const Panel& panel : figure.panels) {
    const Rect rect = {column_x[panel.column], row_y[panel.row], panel.width, panel.height};
    layout.panels.push_back(rect);
    layout.label_x.push_back(rect.x - columns[panel.column].left + 8);
    layout.label_y.push_back(rect.y + rect.height + rows[panel.row].bottom - 8);
  }
  return layout;
}

}  // namespace jitattn::cli
