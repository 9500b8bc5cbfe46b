// How strategies come nearer to the optimum.

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plot/axes.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

constexpr int kBandsInOnePanel = 3;  // more of them hide each other

std::string Percent(double fraction) { return absl::StrFormat("%.4g %%", 100 * fraction); }

struct Mean {
  double mean = 0, p10 = 0, p50 = 0, p90 = 0;
  int count = 0;
};
using Curve = std::map<int, Mean>;  // by evaluations

struct Curves {
  std::vector<std::string> strategies, spaces;
  std::vector<Curve> all;                            // of each strategy, over spaces
  std::vector<std::map<std::string, Curve>> single;  // of each strategy, by space
};

Curves Gather(Sources sources) {
  Curves curves;
  for (const Source& source : sources) {
    for (const CurvePoint& point : source.curves) {
      const size_t s = IndexOf(&curves.strategies, point.strategy);
      IndexOf(&curves.spaces, point.space);
      curves.all.resize(curves.strategies.size());
      curves.single.resize(curves.strategies.size());
      for (Mean* mean :
           {&curves.all[s][point.evaluations], &curves.single[s][point.space][point.evaluations]}) {
        mean->mean += point.mean;
        mean->p10 += point.p10;
        mean->p50 += point.p50;
        mean->p90 += point.p90;
        ++mean->count;
      }
    }
  }
  return curves;
}

Series LineOf(const Curve& curve, const std::string& name, const Look& look) {
  Series series{.name = name, .mark = Mark::kLine, .look = look};
  for (const auto& [evaluations, mean] : curve) {
    series.x.push_back(evaluations);
    series.y.push_back(mean.p50 / mean.count);
  }
  series.marker_every = std::max<int>(1, static_cast<int>(series.x.size()) / 6);
  if (series.x.size() > 400) series.look.marker = -1;
  return series;
}

Series BandOf(const Curve& curve, const std::string& name, const Look& look) {
  Series series{.name = name, .mark = Mark::kBand, .look = Faded(look, 0.2)};
  for (const auto& [evaluations, mean] : curve) {
    series.x.push_back(evaluations);
    series.y.push_back(mean.p10 / mean.count);
    series.y2.push_back(mean.p90 / mean.count);
  }
  return series;
}

// 1, 2, 5, 10, … or, of few evaluations, round steps.
Axis EvaluationAxis(double most) {
  Axis axis = LogAxis("distinct evaluations", {1, std::max(most, 2.0)}, NumberWord);
  axis.from = 1, axis.to = std::max(most, 2.0);
  if (axis.ticks.empty() || axis.ticks.front().at > 1)
    axis.ticks.insert(axis.ticks.begin(), {1, "1"});
  axis.ticks.erase(std::remove_if(axis.ticks.begin(), axis.ticks.end(),
                                  [&](const Tick& t) { return t.at < 1 || t.at > axis.to; }),
                   axis.ticks.end());
  return axis;
}

Axis FractionAxis(const Extent& extent) {
  Extent shown = extent;
  shown.Add(1);
  Axis axis = LinearAxis("fraction of the optimum", shown, Percent);
  axis.to = 1 + 0.01 * (1 - axis.from);
  while (!axis.ticks.empty() && axis.ticks.back().at > 1.0001) axis.ticks.pop_back();
  return axis;
}

// Best at the end first: the order of the lines at their right ends.
std::vector<int> Ranking(const Curves& curves) {
  std::vector<int> order(curves.strategies.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto area = [&](int s) {
    double sum = 0;
    for (const auto& [ignored, mean] : curves.all[s]) sum += mean.p50 / mean.count;
    return sum / static_cast<double>(curves.all[s].size());
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return area(a) > area(b); });
  return order;
}

FigureTable TableOf(const Curves& curves, const std::vector<int>& order) {
  FigureTable table{.columns = {"strategy"}};
  std::vector<int> at;
  const int most = curves.all[order[0]].rbegin()->first;
  for (int decade = 1; decade <= most; decade *= 10) {
    for (int step : {1, 2, 5}) {
      if (step * decade <= most) at.push_back(step * decade);
    }
  }
  if (at.back() != most) at.push_back(most);
  for (int n : at) table.columns.push_back(absl::StrCat(">", n));
  for (int s : order) {
    std::vector<std::string> row = {curves.strategies[s]};
    for (int n : at) {
      const auto it = curves.all[s].find(n);
      row.push_back(it == curves.all[s].end()
                        ? ""
                        : absl::StrFormat("%.4f (%.4f–%.4f)", it->second.p50 / it->second.count,
                                          it->second.p10 / it->second.count,
                                          it->second.p90 / it->second.count));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// A panel a space, all strategies in each.
Figure BySpace(const Curves& curves) {
  const std::vector<int> order = Ranking(curves);
  double most = 1;
  for (const Curve& curve : curves.all) most = std::max<double>(most, curve.rbegin()->first);
  Figure figure{.name = "convergence-spaces", .title = "Convergence on each space"};
  figure.caption = "Optimum ÷ best so far: median of the repeats.";
  figure.table.columns = {"space", "strategy", ">evaluations", ">median", ">10th", ">90th"};
  const int columns = curves.spaces.size() > 8 ? 4 : std::min<int>(3, curves.spaces.size());
  for (size_t i = 0; i < curves.spaces.size(); ++i) {
    const std::string& space = curves.spaces[i];
    Panel panel{.title = space, .x = EvaluationAxis(most)};
    panel.width = 220, panel.height = 150;
    panel.row = static_cast<int>(i) / columns, panel.column = static_cast<int>(i) % columns;
    Extent fractions;
    for (const int s : order) {
      const auto curve = curves.single[s].find(space);
      if (curve == curves.single[s].end()) continue;
      panel.series.push_back(LineOf(curve->second, i == 0 ? curves.strategies[s] : "", LookOf(s)));
      for (const double y : panel.series.back().y) fractions.Add(y);
      const auto& [evaluations, last] = *curve->second.rbegin();
      figure.table.rows.push_back({space, curves.strategies[s], absl::StrCat(evaluations),
                                   absl::StrFormat("%.4f", last.p50 / last.count),
                                   absl::StrFormat("%.4f", last.p10 / last.count),
                                   absl::StrFormat("%.4f", last.p90 / last.count)});
    }
    panel.y = FractionAxis(fractions);
    if (panel.column != 0) panel.y.label = "";
    if (i + columns < curves.spaces.size()) panel.x.label = "";
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

std::vector<Figure> OfCurves(const Curves& curves) {
  if (curves.strategies.empty()) return {};
  const std::vector<int> order = Ranking(curves);
  Extent fractions, bands;
  double most = 1;
  for (const Curve& curve : curves.all) {
    for (const auto& [evaluations, mean] : curve) {
      fractions.Add(mean.p50 / mean.count);
      bands.Add(mean.p10 / mean.count);
      most = std::max<double>(most, evaluations);
    }
  }
  const std::string over = curves.spaces.size() == 1
                               ? absl::StrCat("on ", curves.spaces[0])
                               : absl::StrCat("mean over ", curves.spaces.size(), " spaces");
  const std::string what = absl::StrCat("Optimum ÷ best so far, ", over, ": median of the repeats");
  const bool few = order.size() <= kBandsInOnePanel;
  Figure figure{.name = "convergence", .title = "Convergence of search strategies"};
  figure.caption = absl::StrCat(what, few ? "; band: 10th to 90th percentile." : ".");
  Panel panel{.x = EvaluationAxis(most), .y = FractionAxis(few ? bands : fractions)};
  panel.width = 460, panel.height = 300;
  for (int s : order) {
    if (few) panel.series.push_back(BandOf(curves.all[s], curves.strategies[s], LookOf(s)));
  }
  for (int s : order) {
    panel.series.push_back(LineOf(curves.all[s], curves.strategies[s], LookOf(s)));
  }
  figure.panels = {std::move(panel)};
  figure.table = TableOf(curves, order);
  std::vector<Figure> figures = {std::move(figure)};
  if (few) return figures;

  Figure each{.name = "convergence-bands", .title = "Convergence of each search strategy"};
  each.caption = absl::StrCat(what, "; band: 10th to 90th percentile; grey: the other strategies.");
  const int columns = order.size() > 8 ? 4 : 3;
  for (size_t i = 0; i < order.size(); ++i) {
    const int s = order[i];
    Panel small{.title = curves.strategies[s], .x = EvaluationAxis(most), .y = FractionAxis(bands)};
    small.width = 190, small.height = 130;
    small.row = static_cast<int>(i) / columns, small.column = static_cast<int>(i) % columns;
    const bool last_row = i + columns >= order.size();
    if (!last_row) small.x.label = "";
    if (small.column != 0) {
      small.y.label = "";
      for (Tick& tick : small.y.ticks) tick.label = "";
    }
    Look look = LookOf(s);
    look.dash = 0, look.marker = -1, look.width = 2;
    for (int other : order) {
      if (other == s) continue;
      small.series.push_back(LineOf(curves.all[other], "", {.color = 0xc4c4c4, .width = 0.7}));
    }
    small.series.push_back(BandOf(curves.all[s], "", look));
    small.series.push_back(LineOf(curves.all[s], "", look));
    each.panels.push_back(std::move(small));
  }
  each.table = figures[0].table;
  figures.push_back(std::move(each));
  return figures;
}

// Best so far of each tuning, over what its problem's best turned out to be.
std::vector<Figure> OfRuns(Sources sources) {
  std::vector<std::string> problems;
  std::map<std::string, std::vector<const TuningRun*>> runs;
  for (const Source& source : sources) {
    for (const TuningRun& run : source.runs) {
      IndexOf(&problems, run.problem);
      runs[run.problem].push_back(&run);
    }
  }
  std::vector<Figure> figures;
  for (const std::string& problem : problems) {
    Figure figure{.name = absl::StrCat("convergence-", Slug(problem)),
                  .title = absl::StrCat("Best so far: ", problem)};
    figure.caption = "Fastest sample of the best configuration found so far, by evaluation.";
    figure.table.columns = {"strategy", "seed",   ">evaluations", ">dropped as slow",
                            ">failed",  ">first", ">best"};
    Panel panel;
    Extent best;
    double most = 1;
    int index = 0;
    for (const TuningRun* run : runs[problem]) {
      Series line{.name = run->strategy, .mark = Mark::kSteps, .look = LookOf(index++)};
      if (!run->seed.empty()) absl::StrAppend(&line.name, ", seed ", run->seed);
      line.look.marker = -1;
      Series seen{.mark = Mark::kPoints, .look = line.look};
      seen.look.opacity = 0.45, seen.look.marker = index - 1, seen.look.size = 0.5;
      double so_far = 0;
      int dropped = 0, failed = 0, last = 0;
      for (const Evaluation& evaluation : run->evaluations) {
        if (evaluation.phase == "final") continue;
        const bool slow = evaluation.status == "censored";
        dropped += slow;
        failed += !slow && evaluation.status != "ok";
        last = std::max(last, evaluation.number);
        if (evaluation.status != "ok" || !evaluation.min) continue;
        so_far = so_far == 0 ? *evaluation.min : std::min(so_far, *evaluation.min);
        line.x.push_back(std::max(evaluation.number, 1));
        line.y.push_back(so_far);
        seen.x.push_back(line.x.back());
        seen.y.push_back(*evaluation.min);
        best.AddPositive(so_far);
      }
      if (line.x.empty()) continue;
      figure.table.rows.push_back({run->strategy, run->seed, absl::StrCat(last),
                                   absl::StrCat(dropped), absl::StrCat(failed),
                                   SecondsWord(line.y.front()), SecondsWord(line.y.back())});
      line.x.push_back(last), line.y.push_back(so_far);
      most = std::max<double>(most, last);
      panel.series.push_back(std::move(seen));
      panel.series.push_back(std::move(line));
    }
    if (panel.series.empty()) continue;
    for (const Series& series : panel.series) {
      for (double y : series.y) best.AddPositive(std::min(y, 3 * best.least));
    }
    figure.caption += " Points: single evaluations, as far as they are within the axis.";
    panel.x = EvaluationAxis(most);
    panel.y = LogAxis("time", best, SecondsWord);
    panel.width = 460, panel.height = 300;
    for (Series& series : panel.series) {  // points beyond the axis say nothing at its edge
      for (double& y : series.y) {
        if (y > panel.y.to && series.mark == Mark::kPoints) y = std::nan("");
      }
    }
    figure.panels = {std::move(panel)};
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace

std::vector<Figure> ConvergenceBySpace(Sources sources) {
  const Curves curves = Gather(sources);
  if (curves.spaces.size() < 2) return {};
  return {BySpace(curves)};
}

std::vector<Figure> Convergence(Sources sources) {
  std::vector<Figure> figures = OfCurves(Gather(sources));
  for (Figure& figure : OfRuns(sources)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace jitattn::cli
