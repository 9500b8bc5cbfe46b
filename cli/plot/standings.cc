// Strategies against each other: regret, wins, scores.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plot/axes.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

std::string Percent(double fraction) { return absl::StrFormat("%.3g %%", 100 * fraction); }

std::vector<const Standing*> All(const Source& source) {
  std::vector<const Standing*> all;
  for (const Standing& standing : source.standings) all.push_back(&standing);
  return all;
}

std::vector<int> Budgets(const std::vector<const Standing*>& all) {
  std::set<int> budgets;
  for (const Standing* standing : all) budgets.insert(standing->budget);
  return {budgets.begin(), budgets.end()};
}

struct Total {
  double sum = 0;
  int count = 0;
  void Add(double value) { sum += value, ++count; }
  double mean() const { return count == 0 ? std::nan("") : sum / count; }
};

double RowHeight(size_t rows) { return std::max(60.0, 22.0 * static_cast<double>(rows)); }

Figure RegretFigure(const Source& source) {
  const auto all = All(source);
  struct Sums {
    Total p10, p50, p90;
  };
  std::vector<std::string> strategies;
  std::map<std::pair<std::string, int>, Sums> sums;
  std::set<std::string> spaces;
  for (const Standing* s : all) {
    if (!s->regret_p50) continue;
    IndexOf(&strategies, s->strategy);
    spaces.insert(s->space);
    Sums& at = sums[{s->strategy, s->budget}];
    at.p50.Add(*s->regret_p50);
    if (s->regret_p10) at.p10.Add(*s->regret_p10);
    if (s->regret_p90) at.p90.Add(*s->regret_p90);
  }
  if (strategies.empty()) return {};
  const std::vector<int> budgets = Budgets(all);
  std::stable_sort(strategies.begin(), strategies.end(), [&](const auto& a, const auto& b) {
    return sums[{a, budgets.front()}].p50.mean() < sums[{b, budgets.front()}].p50.mean();
  });
  const bool spread =
      std::any_of(sums.begin(), sums.end(), [](const auto& s) { return s.second.p10.count > 0; });
  Figure figure{.name = "regret", .title = "Regret of search strategies"};
  figure.caption = absl::StrCat(
      "Best found ÷ optimum − 1, mean over ", spaces.size(),
      spaces.size() == 1 ? " space" : " spaces",
      spread ? ": median of the runs; bar: 10th to 90th percentile. Each panel has its own axis."
             : ": mean of the runs; bar: to the worst tenth. Each panel has its own axis.");
  figure.table.columns = {"strategy"};
  for (int budget : budgets) figure.table.columns.push_back(absl::StrCat(">at ", budget));
  for (const std::string& strategy : strategies) {
    std::vector<std::string> row = {strategy};
    for (int budget : budgets) {
      const double regret = sums[{strategy, budget}].p50.mean();
      row.push_back(std::isfinite(regret) ? absl::StrFormat("%.3f %%", 100 * regret) : "");
    }
    figure.table.rows.push_back(std::move(row));
  }
  for (size_t b = 0; b < budgets.size(); ++b) {
    Panel panel{.title = absl::StrCat(budgets[b], " evaluations")};
    panel.column = static_cast<int>(b % 4), panel.row = static_cast<int>(b / 4);
    std::vector<std::string> names;
    Series bars{.mark = Mark::kSegments, .look = {.color = kSky, .width = 4}};
    Series points{.mark = Mark::kPoints, .look = {.color = kBlue, .marker = 0, .size = 0.9}};
    double most = 0;
    for (const std::string& strategy : strategies) {
      names.push_back(b % 4 == 0 ? Fit(strategy, 170, 11) : "");
      const Sums& at = sums[{strategy, budgets[b]}];
      if (at.p50.count == 0) continue;
      const auto y = static_cast<double>(names.size());
      points.x.push_back(at.p50.mean()), points.y.push_back(y);
      const double low = at.p10.count > 0 ? at.p10.mean() : at.p50.mean();
      const double high = at.p90.count > 0 ? at.p90.mean() : at.p50.mean();
      bars.x.push_back(low), bars.x2.push_back(high);
      bars.y.push_back(y), bars.y2.push_back(y);
      most = std::max({most, at.p50.mean(), high});
    }
    panel.y = NameAxis(names, true);
    panel.x = ZeroAxis("regret", most, Percent, 4);
    panel.width = budgets.size() == 1 ? 360 : 190;
    panel.height = RowHeight(strategies.size());
    panel.series = {std::move(bars), std::move(points)};
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

Figure WinsFigure(const Source& source) {
  const auto all = All(source);
  std::vector<std::string> strategies;
  std::map<std::pair<std::string, int>, std::array<double, 3>> counts;
  for (const Standing* s : all) {
    if (!s->wins && !s->losses) continue;
    IndexOf(&strategies, s->strategy);
    auto& at = counts[{s->strategy, s->budget}];
    at[0] += s->wins.value_or(0);
    at[1] += s->ties.value_or(0);
    at[2] += s->losses.value_or(0);
  }
  if (strategies.empty()) return {};
  std::vector<int> budgets = Budgets(all);
  auto lead = [&](const std::string& name) {
    double sum = 0;
    for (int budget : budgets) {
      const auto& at = counts[{name, budget}];
      sum += at[0] - at[2];
    }
    return sum;
  };
  std::stable_sort(strategies.begin(), strategies.end(),
                   [&](const auto& a, const auto& b) { return lead(a) > lead(b); });
  Figure figure{.name = "wins", .title = "Wins, ties and losses of search strategies"};
  figure.caption = "Comparisons that differ significantly count as won or lost, the rest as ties.";
  figure.table.columns = {"strategy"};
  for (int budget : budgets) figure.table.columns.push_back(absl::StrCat(">at ", budget));
  constexpr uint32_t kColors[] = {kBlue, 0xd0d0d0, kVermilion};
  constexpr const char* kNames[] = {"wins", "ties", "losses"};
  for (const std::string& strategy : strategies) figure.table.rows.push_back({strategy});
  for (size_t b = 0; b < budgets.size(); ++b) {
    Panel panel{.title = absl::StrCat(budgets[b], " evaluations")};
    panel.column = static_cast<int>(b % 4), panel.row = static_cast<int>(b / 4);
    std::vector<std::string> names;
    std::vector<Series> parts(3);
    double most = 0;
    for (size_t s = 0; s < strategies.size(); ++s) {
      names.push_back(b % 4 == 0 ? Fit(strategies[s], 170, 11) : "");
      const auto y = static_cast<double>(names.size());
      const auto& at = counts[{strategies[s], budgets[b]}];
      double from = 0;
      for (int i = 0; i < 3; ++i) {
        parts[i].x.push_back(from), parts[i].x2.push_back(from + at[i]);
        parts[i].y.push_back(y - 0.34), parts[i].y2.push_back(y + 0.34);
        from += at[i];
      }
      most = std::max(most, from);
      figure.table.rows[s].push_back(absl::StrFormat("%g / %g / %g", at[0], at[1], at[2]));
    }
    for (int i = 0; i < 3; ++i) {
      parts[i].name = kNames[i];
      parts[i].mark = Mark::kBoxes;
      parts[i].look = {.color = kColors[i]};
      panel.series.push_back(std::move(parts[i]));
    }
    panel.y = NameAxis(names, true);
    panel.x = ZeroAxis("comparisons", most, NumberWord, 4);
    panel.width = budgets.size() == 1 ? 360 : 190;
    panel.height = RowHeight(strategies.size());
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

Figure ScoreFigure(const Source& source) {
  std::vector<std::string> strategies;
  std::map<std::string, std::map<std::string, double>> scores;  // strategy → space
  for (const Standing* s : All(source)) {
    if (!s->score) continue;
    IndexOf(&strategies, s->strategy);
    scores[s->strategy][s->space] = *s->score;
  }
  if (strategies.empty()) return {};
  auto mean = [&](const std::string& name) {
    Total total;
    for (const auto& [space, score] : scores[name]) total.Add(score);
    return total.mean();
  };
  std::stable_sort(strategies.begin(), strategies.end(),
                   [&](const auto& a, const auto& b) { return mean(a) > mean(b); });
  Figure figure{.name = "score", .title = "Score of search strategies"};
  figure.caption =
      "Score of Willemsen et al. (2024): 0 as random search, 1 the optimum at once. "
      "Small points: single spaces; large: their mean.";
  figure.table.columns = {"strategy", ">mean", ">lowest", ">highest"};
  Series single{
      .name = "a space", .mark = Mark::kPoints, .look = {.color = kSky, .marker = 0, .size = 0.6}};
  Series means{
      .name = "mean", .mark = Mark::kPoints, .look = {.color = kBlue, .marker = 4, .size = 1.2}};
  Series zero{.mark = Mark::kSegments, .look = {.color = kFaint, .width = 1}};
  Extent extent;
  extent.Add(0), extent.Add(1);
  std::vector<std::string> names;
  for (const std::string& strategy : strategies) {
    names.push_back(Fit(strategy, 200, 11));
    const auto y = static_cast<double>(names.size());
    Extent range;
    for (const auto& [space, score] : scores[strategy]) {
      single.x.push_back(score), single.y.push_back(y);
      range.Add(score), extent.Add(score);
    }
    means.x.push_back(mean(strategy)), means.y.push_back(y);
    figure.table.rows.push_back({strategy, absl::StrFormat("%+.3f", mean(strategy)),
                                 absl::StrFormat("%+.3f", range.least),
                                 absl::StrFormat("%+.3f", range.greatest)});
  }
  Panel panel{.x = LinearAxis("score", extent, NumberWord, 6, /*tight=*/true),
              .y = NameAxis(names, true)};
  panel.width = 420, panel.height = RowHeight(names.size());
  zero.x = {0}, zero.x2 = {0}, zero.y = {panel.y.from}, zero.y2 = {panel.y.to};
  panel.series = {std::move(zero), std::move(single), std::move(means)};
  figure.panels = {std::move(panel)};
  return figure;
}

// One figure a file: files differ in what they average over, and may hold the same spaces.
std::vector<Figure> Each(Sources sources, Figure (*make)(const Source&)) {
  std::vector<Figure> figures;
  std::vector<std::string> stems;
  for (const Source& source : sources) {
    Figure figure = make(source);
    if (figure.panels.empty()) continue;
    figures.push_back(std::move(figure));
    stems.push_back(FileStem(source.path));
  }
  for (size_t i = 0; i < figures.size() && figures.size() > 1; ++i) {
    absl::StrAppend(&figures[i].title, ": ", stems[i]);
    absl::StrAppend(&figures[i].name, "-", Slug(stems[i]));
  }
  return figures;
}

}  // namespace

std::vector<Figure> Regrets(Sources sources) { return Each(sources, RegretFigure); }

std::vector<Figure> Wins(Sources sources) { return Each(sources, WinsFigure); }

std::vector<Figure> Scores(Sources sources) { return Each(sources, ScoreFigure); }

}  // namespace jitattn::cli
