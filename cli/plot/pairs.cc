// A space through pairs of its parameters, and what each parameter explains.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plot/axes.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/words.h"
#include "search/importance.h"

namespace jitattn::cli {
namespace {

constexpr int kMostParameters = 8;
constexpr double kLargestMatrix = 760, kCell = 22;

std::vector<double> LogCosts(const search::Recording& recording) {
  std::vector<double> values;
  for (const search::RecordedPoint& point : recording.points) {
    values.push_back(point.failed() ? INFINITY : std::log(point.cost));
  }
  return values;
}

// Room for the cells of one parameter, and for its name beside them.
double Span(const search::Parameter& parameter, double cell) {
  constexpr double kNameRoom = 90;
  return std::max(cell * static_cast<double>(parameter.values.size()),
                  std::min(TextWidth(parameter.name, 11), kNameRoom));
}

// The parameters that vary, those that matter most first. No picture shows more values.
std::vector<int> ByImportance(const search::Recording& recording,
                              const search::Importance& importance) {
  constexpr size_t kMostValues = 1000;
  std::vector<int> order;
  for (const auto& one : importance.parameters) {
    const size_t values = recording.space.parameters()[one.parameter].values.size();
    if (1 < values && values <= kMostValues) order.push_back(one.parameter);
  }
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const auto &x = importance.parameters[a], &y = importance.parameters[b];
    return x.total.value_or(x.alone) > y.total.value_or(y.alone);
  });
  return order;
}

struct Cells {
  std::vector<double> best, median;  // of log time; NaN: no point
};

Cells CellsOf(const search::Recording& recording, const std::vector<double>& values, int x, int y) {
  const search::Space& space = recording.space;
  const size_t nx = space.parameters()[x].values.size(), ny = space.parameters()[y].values.size();
  std::vector<std::vector<double>> in(nx * ny);
  for (int rank = 0; rank < space.size(); ++rank) {
    if (!std::isfinite(values[rank])) continue;
    const auto row = space.Row(rank);
    in[row[x] * ny + row[y]].push_back(values[rank]);
  }
  Cells cells{std::vector<double>(nx * ny, std::nan("")),
              std::vector<double>(nx * ny, std::nan(""))};
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].empty()) continue;
    cells.best[i] = *std::min_element(in[i].begin(), in[i].end());
    const auto middle = in[i].begin() + static_cast<int64_t>(in[i].size()) / 2;
    std::nth_element(in[i].begin(), middle, in[i].end());
    cells.median[i] = *middle;
  }
  return cells;
}

Axis ValueAxis(const search::Parameter& parameter, bool labels) {
  std::vector<std::string> names;
  for (size_t i = 0; i < parameter.values.size(); ++i) {
    names.push_back(Fit(ValueLabel(parameter, static_cast<int>(i)), 70, 11));
  }
  // Of many values only some are named.
  const size_t every = (names.size() + 15) / 16;
  Axis axis{
      .from = 0.5, .to = static_cast<double>(names.size()) + 0.5, .grid = false, .line = false};
  for (size_t i = 0; i < names.size() && labels; i += every) {
    axis.ticks.push_back({static_cast<double>(i + 1), names[i]});
  }
  return axis;
}

Figure PairsOf(const SeenSpace& seen, const search::Importance& importance,
               std::vector<int> order) {
  const search::Recording& recording = seen.recording;
  const std::vector<double> values = LogCosts(recording);
  const auto& parameters = recording.space.parameters();
  const size_t all = order.size();
  order.resize(std::min<size_t>(order.size(), kMostParameters));
  const double least = *std::min_element(values.begin(), values.end());
  double cells = 0;
  for (int p : order) cells += static_cast<double>(parameters[p].values.size());
  const double cell = std::clamp(kLargestMatrix / cells, 3.0, kCell);

  // The scale ends where nine tenths of the cells' medians do: a few slow ones would leave one
  // colour to the rest.
  std::vector<double> medians;
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t j = i + 1; j < order.size(); ++j) {
      for (double m : CellsOf(recording, values, order[i], order[j]).median) {
        if (std::isfinite(m)) medians.push_back(m - least);
      }
    }
  }
  std::sort(medians.begin(), medians.end());
  const double top =
      std::max(medians.empty() ? 0 : medians[medians.size() * 9 / 10], std::log(1.01));

  Figure figure{.name = absl::StrCat("pairs-", seen.slug),
                .title = absl::StrCat("Pairs of parameters: ", seen.name)};
  figure.caption = absl::StrCat(
      "Time ÷ the fastest point of all. Below the diagonal: the best over the other parameters; "
      "above: their median. Grey: no point. ",
      importance.points, " points",
      all > order.size()
          ? absl::StrCat("; ", order.size(), " of ", all, " parameters, those that explain most.")
          : ".");
  figure.table.columns = {"parameters", "values", ">best ÷ optimum", ">median ÷ optimum"};
  const int n = static_cast<int>(order.size());
  for (int row = 0; row < n; ++row) {
    for (int column = 0; column < n; ++column) {
      if (row == column && n > 1) {
        // The diagonal names the parameter.
        Panel name;
        name.width = Span(parameters[order[column]], cell);
        name.height = Span(parameters[order[row]], cell);
        name.row = row, name.column = column;
        name.x.line = name.y.line = false;
        name.x.grid = name.y.grid = false;
        if (row == n - 1)
          name.x = ValueAxis(parameters[order[column]], true), name.x.upright = true;
        if (column == 0) name.y = ValueAxis(parameters[order[row]], true);
        if (row == n - 1) name.x.label = Fit(parameters[order[column]].name, name.width + 8, 11);
        if (column == 0) name.y.label = Fit(parameters[order[row]].name, name.height + 8, 11);
        figure.panels.push_back(std::move(name));
        continue;
      }
      const int x = order[column], y = order[row];
      Panel panel;
      panel.row = row, panel.column = column;
      panel.width = Span(parameters[x], cell);
      panel.height = Span(parameters[y], cell);
      panel.x = ValueAxis(parameters[x], row == n - 1);
      panel.y = ValueAxis(parameters[y], column == 0);
      panel.x.upright = true;
      if (row == n - 1) panel.x.label = Fit(parameters[x].name, panel.width + 8, 11);
      if (column == 0) panel.y.label = Fit(parameters[y].name, panel.height + 8, 11);
      const Cells found = CellsOf(recording, values, x, y);
      const bool below = row > column;
      Series boxes{.mark = Mark::kBoxes};
      const size_t ny = parameters[y].values.size();
      for (size_t i = 0; i < found.best.size(); ++i) {
        const double value = below ? found.best[i] : found.median[i];
        const double at_x = static_cast<double>(i / ny) + 1, at_y = static_cast<double>(i % ny) + 1;
        boxes.x.push_back(at_x - 0.47), boxes.x2.push_back(at_x + 0.47);
        boxes.y.push_back(at_y - 0.47), boxes.y2.push_back(at_y + 0.47);
        boxes.colors.push_back(std::isfinite(value) ? Ramp((value - least) / top) : kAbsent);
        if (below && std::isfinite(found.best[i]) && figure.table.rows.size() < kMostTableRows) {
          figure.table.rows.push_back(
              {absl::StrCat(parameters[x].name, ", ", parameters[y].name),
               absl::StrCat(ValueLabel(parameters[x], static_cast<int>(i / ny)), ", ",
                            ValueLabel(parameters[y], static_cast<int>(i % ny))),
               absl::StrFormat("%.4f", std::exp(found.best[i] - least)),
               absl::StrFormat("%.4f", std::exp(found.median[i] - least))});
        }
      }
      panel.series.push_back(std::move(boxes));
      figure.panels.push_back(std::move(panel));
    }
  }
  figure.legend_title = "time ÷ optimum";
  for (int i = 0; i <= 5; ++i) {
    const double t = i / 5.0;
    const Series box{
        .name = absl::StrFormat("×%.3g%s", std::exp(t * top), i == 5 ? " and more" : ""),
        .mark = Mark::kBoxes,
        .look = {.color = Ramp(t)}};
    figure.panels.front().series.push_back(box);
  }
  return figure;
}

Figure ImportanceFigure(const SeenSpace& seen, const search::Importance& importance,
                        const std::vector<int>& order) {
  const auto& parameters = seen.recording.space.parameters();
  Figure figure{.name = absl::StrCat("importance-", seen.slug),
                .title = absl::StrCat("Importance of parameters: ", seen.name)};
  figure.caption =
      importance.whole
          ? absl::StrCat(
                "Share of the variance of log time: functional analysis of variance, exact "
                "on the whole grid of ",
                importance.points,
                " points. Total: with all "
                "interactions.")
          : absl::StrCat("Share of the variance of log time among the ", importance.points,
                         " points there are, of a grid of ", NumberWord(importance.grid),
                         ": correlation ratios, which need not sum to 1. Tick: what a parameter "
                         "that does nothing would show by chance. Total: mean variance where all "
                         "else is equal, left out where few points have such neighbours.");
  figure.table.columns = {"parameter or pair", ">alone or pair", ">total", ">by chance"};
  constexpr size_t kMostBars = 16;
  std::vector<std::string> names;
  Series alone{.name = "alone", .mark = Mark::kBoxes, .look = {.color = kBlue}};
  Series total{.name = "total", .mark = Mark::kBoxes, .look = {.color = kSky}};
  Series chance{
      .name = "by chance", .mark = Mark::kSegments, .look = {.color = kInk, .width = 1.4}};
  Extent shares;
  shares.Add(0);
  for (int p : order) {
    const auto& one = importance.parameters[p];
    figure.table.rows.push_back({parameters[p].name, absl::StrFormat("%.4f", one.alone),
                                 one.total ? absl::StrFormat("%.4f", *one.total) : "",
                                 absl::StrFormat("%.4f", one.chance)});
    if (names.size() >= kMostBars) continue;
    names.push_back(Fit(parameters[p].name, 150, 11));
    const auto at = static_cast<double>(names.size());
    auto bar = [&](Series* series, double value, double low, double high) {
      series->x.push_back(0), series->x2.push_back(value);
      series->y.push_back(at + low), series->y2.push_back(at + high);
      shares.Add(value);
    };
    // One bar is in the middle, two share the place.
    bar(&alone, one.alone, one.total ? -0.36 : -0.25, one.total ? 0.0 : 0.25);
    if (one.total) bar(&total, *one.total, 0.02, 0.36);
    if (one.chance > 0) {
      chance.x.push_back(one.chance), chance.x2.push_back(one.chance);
      chance.y.push_back(at - 0.42), chance.y2.push_back(at + (one.total ? 0.06 : 0.42));
      shares.Add(one.chance);
    }
  }
  Panel panel{.title = "each parameter"};
  panel.y = NameAxis(names, true);
  panel.x = ZeroAxis("share of the variance", shares.greatest, NumberWord, 6);
  panel.width = 300;
  panel.height = std::max(70.0, 27.0 * static_cast<double>(names.size()));
  panel.series = {alone};
  if (!total.x.empty()) panel.series.push_back(total);
  if (!chance.x.empty()) panel.series.push_back(chance);

  std::vector<search::Importance::Pair> pairs = importance.pairs;
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  Panel second{.title = "pairs, beyond each alone"};
  second.column = 1;
  std::vector<std::string> pair_names;
  Series bars{.name = "pair", .mark = Mark::kBoxes, .look = {.color = kOrange}};
  Series pair_chance{.mark = Mark::kSegments, .look = {.color = kInk, .width = 1.4}};
  double most = 0;
  for (const auto& pair : pairs) {
    const std::string name = absl::StrCat(parameters[pair.a].name, " × ", parameters[pair.b].name);
    if (figure.table.rows.size() < kMostTableRows) {
      figure.table.rows.push_back(
          {name, absl::StrFormat("%.4f", pair.share), "", absl::StrFormat("%.4f", pair.chance)});
    }
    if (pair_names.size() >= names.size() || pair.share <= 0) continue;
    pair_names.push_back(Fit(name, 190, 11));
    const auto at = static_cast<double>(pair_names.size());
    bars.x.push_back(0), bars.x2.push_back(pair.share);
    bars.y.push_back(at - 0.3), bars.y2.push_back(at + 0.3);
    if (pair.chance > 0) {
      pair_chance.x.push_back(pair.chance), pair_chance.x2.push_back(pair.chance);
      pair_chance.y.push_back(at - 0.38), pair_chance.y2.push_back(at + 0.38);
    }
    most = std::max({most, pair.share, pair.chance});
  }
  figure.panels.push_back(std::move(panel));
  if (!pair_names.empty()) {
    second.y = NameAxis(pair_names, true);
    second.x = ZeroAxis("share of the variance", most, NumberWord, 4);
    second.width = 200;
    second.height = figure.panels[0].height;
    second.series = {bars};
    if (!pair_chance.x.empty()) second.series.push_back(pair_chance);
    figure.panels.push_back(std::move(second));
  }
  return figure;
}

std::vector<Figure> OfSpaces(Sources sources, bool pairs) {
  std::vector<Figure> figures;
  for (const SeenSpace& seen : SeenSpaces(sources)) {
    const auto importance = search::ImportanceOf(seen.recording.space, LogCosts(seen.recording));
    if (!importance.ok()) continue;  // fewer than two points that work
    const std::vector<int> order = ByImportance(seen.recording, *importance);
    if (order.empty() || (pairs && order.size() < 2)) continue;
    figures.push_back(pairs ? PairsOf(seen, *importance, order)
                            : ImportanceFigure(seen, *importance, order));
  }
  return figures;
}

}  // namespace

std::vector<Figure> ParameterPairs(Sources sources) { return OfSpaces(sources, true); }

std::vector<Figure> ParameterImportance(Sources sources) { return OfSpaces(sources, false); }

}  // namespace jitattn::cli
