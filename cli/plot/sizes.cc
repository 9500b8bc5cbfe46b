// Methods over sizes: time, speed-up, coefficient of variation.

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plot/axes.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/words.h"
#include "runtime/statistics.h"
#include "search/recording.h"

namespace jitattn::cli {
namespace {

constexpr double kUnstable = 0.1;

using Value = std::function<std::optional<double>(const ComparisonRow&)>;

std::vector<const ComparisonRow*> Rows(Sources sources) {
  std::vector<const ComparisonRow*> rows;
  for (const Source& source : sources) {
    for (const ComparisonRow& row : source.comparison) rows.push_back(&row);
  }
  return rows;
}

std::string GroupOf(const ComparisonRow& row) { return absl::StrCat(row.op, " ", row.dtype); }

// One panel an operation and type, one line a method; unstable points ringed.
Figure OverSize(const std::vector<const ComparisonRow*>& rows, const Value& value) {
  Figure figure;
  std::vector<std::string> groups, methods;
  for (const ComparisonRow* row : rows) {
    IndexOf(&groups, GroupOf(*row));
    IndexOf(&methods, row->method);
  }
  figure.table.columns = {"problem", ">N"};
  for (const std::string& method : methods) figure.table.columns.push_back(">" + method);
  const bool alone = groups.size() == 1;
  for (size_t g = 0; g < groups.size(); ++g) {
    Panel panel{.title = groups[g]};
    panel.width = alone ? 460 : 330, panel.height = alone ? 300 : 220;
    panel.row = static_cast<int>(g) / 2, panel.column = static_cast<int>(g) % 2;
    Extent sizes;
    std::vector<Series> lines(methods.size());
    Series unstable{.name = "CV above 0.1",
                    .mark = Mark::kPoints,
                    .look = {.color = kInk, .marker = 5, .size = 1.5}};
    std::vector<std::pair<double, std::vector<std::string>>> table;
    for (const ComparisonRow* row : rows) {
      if (GroupOf(*row) != groups[g]) continue;
      const int m = IndexOf(&methods, row->method);
      const std::optional<double> y = value(*row);
      sizes.AddPositive(row->n);
      auto line = std::find_if(table.begin(), table.end(),
                               [&](const auto& entry) { return entry.first == row->n; });
      if (line == table.end()) {
        line = table.insert(table.end(), {row->n, std::vector<std::string>(methods.size())});
      }
      if (!y || *y <= 0) {
        line->second[m] = row->note;
        continue;
      }
      line->second[m] = absl::StrFormat("%.4g%s", *y, row->unstable ? " (unstable)" : "");
      lines[m].x.push_back(row->n);
      lines[m].y.push_back(*y);
      if (row->unstable) unstable.x.push_back(row->n), unstable.y.push_back(*y);
    }
    for (auto& [n, cells] : table) {
      std::vector<std::string> cells_of = {groups[g], CountWord(n)};
      cells_of.insert(cells_of.end(), cells.begin(), cells.end());
      figure.table.rows.push_back(std::move(cells_of));
    }
    for (size_t m = 0; m < methods.size(); ++m) {
      if (lines[m].x.empty()) continue;
      lines[m].name = methods[m];
      lines[m].look = LookOf(static_cast<int>(m));
      panel.series.push_back(std::move(lines[m]));
    }
    if (!unstable.x.empty()) panel.series.push_back(std::move(unstable));
    panel.x = PowerOfTwoAxis("N", sizes);
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

Extent Values(const Panel& panel) {
  Extent extent;
  for (const Series& series : panel.series) {
    for (double y : series.y) extent.AddPositive(y);
  }
  return extent;
}

std::string Times(double ratio) { return absl::StrFormat("×%.4g", ratio); }

}  // namespace

std::vector<Figure> TimeOverSize(Sources sources) {
  const auto rows = Rows(sources);
  if (rows.empty()) return {};
  Figure figure = OverSize(rows, [](const ComparisonRow& row) { return row.median; });
  figure.name = "time";
  figure.title = "Time over size";
  figure.caption =
      "Median of the samples; both axes logarithmic. Ringed: coefficient of variation above 0.1.";
  for (Panel& panel : figure.panels) {
    panel.y = LogAxis("median time", Values(panel), SecondsWord);
  }
  return {std::move(figure)};
}

std::vector<Figure> SpeedupOverSize(Sources sources) {
  const auto rows = Rows(sources);
  std::string baseline;
  for (const ComparisonRow* row : rows) {
    if (!row->speedup_over.empty()) baseline = row->speedup_over;
  }
  if (baseline.empty()) return {};
  Figure figure = OverSize(rows, [](const ComparisonRow& row) { return row.speedup; });
  figure.name = "speedup";
  figure.title = absl::StrCat("Speed-up over ", baseline);
  figure.caption = absl::StrCat("Fastest sample of ", baseline,
                                " ÷ fastest sample; both axes logarithmic; above 1 is faster. "
                                "Ringed: coefficient of variation above 0.1.");
  for (Panel& panel : figure.panels) {
    Extent extent = Values(panel);
    extent.Add(1);
    panel.y = LogAxis(absl::StrCat("speed-up over ", baseline), extent, Times);
    Series one{.mark = Mark::kLine, .look = {.color = kFaint, .width = 1}};
    one.x = {panel.x.from, panel.x.to};
    one.y = {1, 1};
    panel.series.insert(panel.series.begin(), std::move(one));
  }
  return {std::move(figure)};
}

namespace {

// By evaluation; of what has no deviation, nothing.
Series VariationOf(const TuningRun& run) {
  Series series{.name = absl::StrCat(run.strategy, run.seed.empty() ? "" : ", seed ", run.seed)};
  for (const Evaluation& evaluation : run.evaluations) {
    if (!evaluation.cv || *evaluation.cv <= 0 || evaluation.phase == "final") continue;
    series.x.push_back(evaluation.number);
    series.y.push_back(*evaluation.cv);
  }
  return series;
}

// In the order in which the points were measured, where the file says when.
Series VariationOf(const search::Recording& recording) {
  std::vector<const search::RecordedPoint*> order;
  for (const search::RecordedPoint& point : recording.points) order.push_back(&point);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->timestamp < b->timestamp; });
  Series series;
  for (size_t i = 0; i < order.size(); ++i) {
    const double cv = runtime::Summarise(order[i]->samples).cv;
    if (cv <= 0) continue;
    series.x.push_back(static_cast<double>(i + 1));
    series.y.push_back(cv);
  }
  return series;
}

}  // namespace

std::vector<Figure> Variation(Sources sources) {
  std::vector<Figure> figures;
  if (const auto rows = Rows(sources); !rows.empty()) {
    Figure figure = OverSize(rows, [](const ComparisonRow& row) { return row.cv; });
    figure.name = "cv";
    figure.title = "Coefficient of variation over size";
    figure.caption =
        "Standard deviation ÷ mean of the samples. Line: 0.1, above which a row is "
        "called unstable.";
    for (Panel& panel : figure.panels) {
      Extent extent = Values(panel);
      extent.Add(kUnstable);
      panel.y = LogAxis("CV", extent, NumberWord);
      Series limit{.mark = Mark::kLine, .look = {.color = kFaint, .width = 1}};
      limit.x = {panel.x.from, panel.x.to};
      limit.y = {kUnstable, kUnstable};
      panel.series.insert(panel.series.begin(), std::move(limit));
    }
    figures.push_back(std::move(figure));
  }
  Figure figure{.name = "cv-evaluations", .title = "Coefficient of variation by evaluation"};
  figure.caption = "Standard deviation ÷ mean of the samples of each evaluation.";
  figure.table.columns = {"run", ">evaluations", ">median CV", ">greatest CV"};
  Panel panel;
  panel.width = 460, panel.height = 240;
  Extent evaluations, cvs;
  cvs.Add(kUnstable);
  auto add = [&](Series series) {
    if (series.x.empty()) return;
    series.mark = Mark::kPoints;
    series.look = LookOf(static_cast<int>(panel.series.size()));
    series.look.opacity = 0.8;
    for (const double x : series.x) evaluations.Add(x);
    for (const double y : series.y) cvs.AddPositive(y);
    std::vector<double> sorted = series.y;
    std::sort(sorted.begin(), sorted.end());
    figure.table.rows.push_back({series.name, absl::StrCat(sorted.size()),
                                 NumberWord(sorted[sorted.size() / 2]), NumberWord(sorted.back())});
    panel.series.push_back(std::move(series));
  };
  for (const Source& source : sources) {
    for (const TuningRun& run : source.runs) add(VariationOf(run));
    if (source.recording) {
      Series series = VariationOf(*source.recording);
      series.name = FileStem(source.path);
      add(std::move(series));
    }
  }
  if (panel.series.empty()) return figures;
  panel.x = LinearAxis("evaluation", evaluations, NumberWord, 6, true);
  panel.y = LogAxis("CV", cvs, NumberWord);
  figure.panels = {std::move(panel)};
  figures.push_back(std::move(figure));
  return figures;
}

}  // namespace jitattn::cli
