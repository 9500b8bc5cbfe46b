// Runs a tournament over spaces, and makes rows of its results.

#include "lab/compare_strategies.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "cli/csv.h"
#include "cli/text.h"
#include "lab/replay/significance.h"
#include "lab/tune_recording.h"
#include "runtime/measure.h"
#include "runtime/statistics.h"
#include "runtime/tuning_space.h"

namespace jitattn::lab {
namespace {

// Adds the rows of one space at one budget, best mean first.
void AddRows(const StrategyTable& table, size_t space, size_t budget,
             std::vector<StrategyRow>* rows) {
  const std::vector<Entrant>& entrants = table.tournament.entrants;
  const size_t count = entrants.size();
  auto result = [&](size_t e) -> const BudgetResult& {
    return entrants[e].budgets[budget].spaces[space];
  };
  // All pairs on this space are one family of tests.
  std::vector<double> p;
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a + 1; b < count; ++b) {
      p.push_back(WilcoxonSignedRank(result(a).fractions, result(b).fractions));
    }
  }
  p = Holm(p);
  std::vector<StrategyRow> mine(count);
  size_t pair = 0;
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a + 1; b < count; ++b, ++pair) {
      const double gain = result(a).mean - result(b).mean;
      const bool differs = p[pair] < kSignificance && gain != 0;
      const bool a_wins = differs && gain > 0, b_wins = differs && gain < 0;
      ++(a_wins ? mine[a].balance.wins : b_wins ? mine[a].balance.losses : mine[a].balance.ties);
      ++(b_wins ? mine[b].balance.wins : a_wins ? mine[b].balance.losses : mine[b].balance.ties);
      for (const auto& [self, other, won] : {std::tuple(a, b, a_wins), {b, a, b_wins}}) {
        if (entrants[other].name != "random") continue;
        mine[self].p_value = p[pair];
        mine[self].verdict = !differs ? "tie" : won ? "better" : "worse";
      }
    }
  }
  for (size_t e = 0; e < count; ++e) {
    StrategyRow& row = mine[e];
    row.space = table.spaces[space];
    row.strategy = entrants[e].name;
    row.budget = table.budgets[budget];
    row.runs = static_cast<int>(result(e).fractions.size());
    row.fraction_mean = result(e).mean;
    std::vector<double> regrets;
    for (const double fraction : result(e).fractions) regrets.push_back(1 / fraction - 1);
    row.regret_p10 = runtime::Quantile(regrets, 0.1);
    row.regret_p50 = runtime::Quantile(regrets, 0.5);
    row.regret_p90 = runtime::Quantile(regrets, 0.9);
  }
  std::stable_sort(mine.begin(), mine.end(), [](const StrategyRow& a, const StrategyRow& b) {
    return a.fraction_mean > b.fraction_mean;
  });
  rows->insert(rows->end(), mine.begin(), mine.end());
}

std::string RegretText(double regret) { return absl::StrFormat("%.1f %%", regret * 100); }

}  // namespace

absl::StatusOr<NamedSpace> MeasureSpace(const ops::Problem& problem, const Cpu& cpu,
                                        runtime::SpaceLimits limits, const LiveOptions& options) {
  runtime::KeepResultsInCaches(problem, cpu, options.conditions.buffers, &limits);
  const auto space = runtime::TuningSpace::Create(problem, cpu, options.conditions.threads, limits);
  if (!space.ok()) return space.status();
  auto measurer =
      runtime::MakeMeasurer(problem, cpu, {.conditions = options.conditions, .seed = options.seed});
  if (!measurer.ok()) return measurer.status();
  RecordingMeasurer recorder(**measurer, /*max_samples=*/1 << 20);
  const int size = space->space().size();
  const bool progress = !options.quiet && cli::IsTerminal(stderr);
  std::vector<int> order(size);
  std::iota(order.begin(), order.end(), 0);
  Rng(options.seed).Shuffle(order);
  const double deadline = recorder.Now() + options.seconds;
  for (int i = 0; i < size && recorder.Now() < deadline; ++i) {
    if (options.stop != nullptr && options.stop->load()) {
      return absl::CancelledError(
          absl::StrFormat("%s: stopped at %d of %d points", ops::Describe(problem), i, size));
    }
    if (progress) {
      std::fprintf(stderr, "\r\033[K[%d/%d] points of %s", i + 1, size,
                   ops::Describe(problem).c_str());
    }
    recorder.Evaluate(space->ConfigAt(order[i]), {.deadline_s = deadline});
  }
  if (progress) std::fputs("\r\033[K", stderr);
  if (recorder.evaluations().empty()) {
    return absl::DeadlineExceededError(absl::StrFormat(
        "%g s are too short to measure a point of %s", options.seconds, ops::Describe(problem)));
  }
  auto recording = MakeRecording(problem, cpu, recorder.evaluations(), /*guesses=*/{});
  if (!recording.ok()) return recording.status();
  const int measured = static_cast<int>(recorder.evaluations().size());
  return NamedSpace{ops::Describe(problem), *std::move(recording), size - measured};
}

absl::StatusOr<StrategyTable> CompareStrategies(const std::deque<NamedSpace>& spaces,
                                                const TournamentOptions& options) {
  StrategyTable table;
  table.budgets = options.budgets;
  std::vector<ReplaySpace> replayed;
  for (const NamedSpace& space : spaces) {
    auto replay = ReplaySpace::Create(space.recording);
    if (!replay.ok()) {
      return absl::DataLossError(
          absl::StrCat(space.name, ": ", std::string(replay.status().message())));
    }
    replayed.push_back(*replay);
    table.spaces.push_back(space.name);
  }
  auto tournament = RunTournament(replayed, options);
  if (!tournament.ok()) return tournament.status();
  table.tournament = *std::move(tournament);
  for (size_t s = 0; s < replayed.size(); ++s) {
    for (size_t b = 0; b < table.budgets.size(); ++b) AddRows(table, s, b, &table.rows);
  }
  return table;
}

std::string StrategiesText(const StrategyTable& table) {
  std::string text;
  for (size_t begin = 0, end; begin < table.rows.size(); begin = end) {
    const StrategyRow& first = table.rows[begin];
    std::vector<std::vector<std::string>> cells = {{"  STRATEGY", ">OF OPTIMUM", ">REGRET P10",
                                                    ">P50", ">P90", ">VS OTHERS", ">P",
                                                    "VS RANDOM"}};
    for (end = begin; end < table.rows.size() && table.rows[end].space == first.space &&
                      table.rows[end].budget == first.budget;
         ++end) {
      const StrategyRow& row = table.rows[end];
      cells.push_back(
          {"  " + row.strategy, absl::StrFormat("%.3f", row.fraction_mean),
           RegretText(row.regret_p10), RegretText(row.regret_p50), RegretText(row.regret_p90),
           absl::StrFormat("%d/%d/%d", row.balance.wins, row.balance.ties, row.balance.losses),
           row.verdict.empty() ? "" : absl::StrFormat("%.2g", row.p_value), row.verdict});
    }
    absl::StrAppendFormat(&text, "%s%s, %d evaluations, %d runs\n%s", begin == 0 ? "" : "\n",
                          first.space, first.budget, first.runs, cli::Table(cells));
  }
  std::vector<std::vector<std::string>> ranks = {{"", "STRATEGY", ">SCORE", ">VS ALL"}};
  for (const Entrant& entrant : table.tournament.entrants) {
    Balance sum;
    for (const Entrant::AtBudget& at : entrant.budgets) {
      sum.wins += at.against_all.wins;
      sum.ties += at.against_all.ties;
      sum.losses += at.against_all.losses;
    }
    ranks.push_back({absl::StrCat(ranks.size()), entrant.name,
                     absl::StrFormat("%+.3f", entrant.score),
                     absl::StrFormat("%d/%d/%d", sum.wins, sum.ties, sum.losses)});
  }
  absl::StrAppendFormat(
      &text,
      "\nRanking over %d %s; score 0: random search, 1: the optimum at once\n%s"
      "\nRegret: time of the chosen point ÷ optimum − 1. Wins/ties/losses: "
      "Wilcoxon over runs, Holm, "
      "5 %%;\nin the ranking, summed over spaces, budgets and other strategies.\n",
      table.spaces.size(), table.spaces.size() == 1 ? "space" : "spaces", cli::Table(ranks));
  return text;
}

std::string StrategiesCsv(const StrategyTable& table) {
  std::string csv =
      "space,strategy,budget,runs,fraction_mean,regret_p10,regret_p50,regret_p90,wins,ties,losses,"
      "p_value,verdict\n";
  for (const StrategyRow& row : table.rows) {
    const bool random = row.verdict.empty();
    csv += cli::CsvLine({row.space, row.strategy, absl::StrCat(row.budget), absl::StrCat(row.runs),
                         cli::CsvNumber(row.fraction_mean), cli::CsvNumber(row.regret_p10),
                         cli::CsvNumber(row.regret_p50), cli::CsvNumber(row.regret_p90),
                         absl::StrCat(row.balance.wins), absl::StrCat(row.balance.ties),
                         absl::StrCat(row.balance.losses),
                         random ? "" : cli::CsvNumber(row.p_value), row.verdict});
  }
  return csv;
}

cli::Json StrategiesJson(const StrategyTable& table) {
  cli::Json rows = cli::Json::array();
  for (const StrategyRow& row : table.rows) {
    rows.push_back(
        {{"space", row.space},
         {"strategy", row.strategy},
         {"budget", row.budget},
         {"runs", row.runs},
         {"fraction_mean", cli::Number(row.fraction_mean)},
         {"regret_p10", cli::Number(row.regret_p10)},
         {"regret_p50", cli::Number(row.regret_p50)},
         {"regret_p90", cli::Number(row.regret_p90)},
         {"wins", row.balance.wins},
         {"ties", row.balance.ties},
         {"losses", row.balance.losses},
         {"p_value", row.verdict.empty() ? cli::Json(nullptr) : cli::Number(row.p_value)},
         {"verdict", cli::OrNull(row.verdict)}});
  }
  cli::Json ranking = cli::Json::array();
  for (const Entrant& entrant : table.tournament.entrants) {
    ranking.push_back({{"strategy", entrant.name}, {"score", cli::Number(entrant.score)}});
  }
  return {{"rows", std::move(rows)}, {"ranking", std::move(ranking)}};
}

}  // namespace jitattn::lab
