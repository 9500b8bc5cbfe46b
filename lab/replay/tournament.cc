// Replays every strategy on every space, then counts wins and losses.

#include "lab/replay/tournament.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/replay/significance.h"

namespace jitattn::lab {
namespace {

constexpr std::string_view kRandomName = "random";

// One strategy on one space with one budget.
struct Cell {
  BudgetResult result;
  std::optional<double> score;  // present if the budget equals the score's draws
  std::vector<Entrant::Held> curve;
};

// The budgets of a space: those of the options, then its score's draws if they are not among them.
std::vector<int> BudgetsOf(const ReplaySpace& space, const TournamentOptions& options) {
  std::vector<int> budgets = options.budgets;
  const int draws = ScoreDraws(space, *std::max_element(budgets.begin(), budgets.end()));
  if (std::find(budgets.begin(), budgets.end(), draws) == budgets.end()) budgets.push_back(draws);
  return budgets;
}

std::vector<Entrant::Held> CurveOf(const ReplaySpace& space, std::span<const ReplayRun> runs,
                                   int budget) {
  std::vector<Entrant::Held> curve;
  std::vector<double> fractions(runs.size());
  for (int evaluations = 1; evaluations <= budget; ++evaluations) {
    for (size_t i = 0; i < runs.size(); ++i) {
      fractions[i] = space.optimum() / HeldAfter(space, runs[i], evaluations);
    }
    std::sort(fractions.begin(), fractions.end());
    const size_t last = fractions.size() - 1;
    curve.push_back({.mean = std::accumulate(fractions.begin(), fractions.end(), 0.0) /
                             static_cast<double>(fractions.size()),
                     .p10 = fractions[last / 10],
                     .p50 = fractions[last * 5 / 10],
                     .p90 = fractions[last * 9 / 10]});
  }
  return curve;
}

absl::StatusOr<Cell> Play(const ReplaySpace& space, const std::string& strategy, int budget,
                          const TournamentOptions& options) {
  const absl::StatusOr<std::vector<ReplayRun>> runs =
      Replay(space, strategy, budget, options.replay);
  if (!runs.ok()) return runs.status();
  const int most = *std::max_element(options.budgets.begin(), options.budgets.end());
  std::vector<double> costs;
  for (const ReplayRun& run : *runs) costs.push_back(HeldAfter(space, run, budget));
  Cell cell{.result = JudgeBudget(space, costs, budget), .score = {}, .curve = {}};
  if (budget == ScoreDraws(space, most)) cell.score = ScoreOverTime(space, *runs, budget);
  if (options.curves && budget == most) cell.curve = CurveOf(space, *runs, budget);
  return cell;
}

// Indexed by strategy, space and budget, budgets in the order of BudgetsOf().
using Cells = std::vector<std::vector<std::vector<Cell>>>;

absl::StatusOr<Cells> PlayAll(std::span<const ReplaySpace> spaces,
                              const std::vector<std::string>& strategies,
                              const TournamentOptions& options) {
  struct Task {
    size_t strategy, space;
    int budget;
    Cell* cell;
  };
  Cells cells(strategies.size(), std::vector<std::vector<Cell>>(spaces.size()));
  std::vector<Task> tasks;
  for (size_t e = 0; e < strategies.size(); ++e) {
    for (size_t s = 0; s < spaces.size(); ++s) {
      const std::vector<int> budgets = BudgetsOf(spaces[s], options);
      cells[e][s].resize(budgets.size());
      for (size_t b = 0; b < budgets.size(); ++b) {
        tasks.push_back({e, s, budgets[b], &cells[e][s][b]});
      }
    }
  }
  // The longest tasks start first, so that none runs alone at the end.
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.budget > b.budget; });

  std::atomic<size_t> next = 0;
  std::mutex mutex;  // guards `failure` and `done`
  absl::Status failure;
  int done = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < tasks.size();) {
      const Task& task = tasks[i];
      absl::StatusOr<Cell> cell =
          Play(spaces[task.space], strategies[task.strategy], task.budget, options);
      const std::lock_guard lock(mutex);
      if (cell.ok()) {
        *task.cell = *std::move(cell);
      } else {
        failure.Update(cell.status());
        next = tasks.size();
      }
      if (options.progress) options.progress(++done, static_cast<int>(tasks.size()));
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < options.threads; ++i) helpers.emplace_back(work);
    work();
  }
  if (!failure.ok()) return failure;
  return cells;
}

double Mean(const std::vector<BudgetResult>& spaces, double BudgetResult::*figure) {
  double sum = 0;
  for (const BudgetResult& space : spaces) sum += space.*figure;
  return sum / static_cast<double>(spaces.size());
}

std::vector<double> Means(const Entrant::AtBudget& at) {
  std::vector<double> means;
  for (const BudgetResult& space : at.spaces) means.push_back(space.mean);
  return means;
}

// Compares all pairs at one budget. Each pair has one test per space; all tests are one family.
std::vector<Pairing> ComparePairs(const std::vector<Entrant>& entrants, size_t budget) {
  std::vector<Pairing> comparisons;
  std::vector<double> p;
  const size_t spaces = entrants.front().budgets[budget].spaces.size();
  for (size_t a = 0; a < entrants.size(); ++a) {
    for (size_t b = a + 1; b < entrants.size(); ++b) {
      comparisons.push_back({a, b, budget, {}});
      for (size_t s = 0; s < spaces; ++s) {
        const std::vector<double>& x = entrants[a].budgets[budget].spaces[s].fractions;
        const std::vector<double>& y = entrants[b].budgets[budget].spaces[s].fractions;
        const size_t pairs = std::min(x.size(), y.size());
        p.push_back(
            WilcoxonSignedRank(std::span(x).subspan(0, pairs), std::span(y).subspan(0, pairs)));
      }
    }
  }
  p = Holm(p);
  auto adjusted = p.begin();
  for (Pairing& c : comparisons) {
    for (size_t s = 0; s < spaces; ++s) {
      const double gain = entrants[c.a].budgets[budget].spaces[s].mean -
                          entrants[c.b].budgets[budget].spaces[s].mean;
      const bool differs = *adjusted++ < kSignificance && gain != 0;
      ++(!differs ? c.balance.ties : gain > 0 ? c.balance.wins : c.balance.losses);
    }
  }
  return comparisons;
}

void Add(const Balance& balance, Balance* sum) {
  sum->wins += balance.wins;
  sum->ties += balance.ties;
  sum->losses += balance.losses;
}

Balance Turned(const Balance& balance) { return {balance.losses, balance.ties, balance.wins}; }

// Fills in the balances of one budget.
void FillBalances(std::span<const Pairing> comparisons, size_t budget, size_t random,
                  std::vector<Entrant>* entrants) {
  for (const Pairing& c : comparisons) {
    Entrant::AtBudget& a = (*entrants)[c.a].budgets[budget];
    Entrant::AtBudget& b = (*entrants)[c.b].budgets[budget];
    Add(c.balance, &a.against_all);
    Add(Turned(c.balance), &b.against_all);
    if (c.b == random) a.against_random = c.balance;
    if (c.a == random) b.against_random = Turned(c.balance);
  }
  std::vector<double> p;
  const std::vector<double> chance = Means((*entrants)[random].budgets[budget]);
  for (size_t e = 0; e < entrants->size(); ++e) {
    if (e != random) p.push_back(WilcoxonSignedRank(Means((*entrants)[e].budgets[budget]), chance));
  }
  p = Holm(p);
  auto adjusted = p.begin();
  for (size_t e = 0; e < entrants->size(); ++e) {
    if (e != random) (*entrants)[e].budgets[budget].p_random = *adjusted++;
  }
}

void TakeMeans(Entrant::AtBudget* at) {
  at->mean = Mean(at->spaces, &BudgetResult::mean);
  at->tenth_percentile = Mean(at->spaces, &BudgetResult::tenth_percentile);
  at->within_5_percent = Mean(at->spaces, &BudgetResult::within_5_percent);
  at->score = Mean(at->spaces, &BudgetResult::score);
}

Entrant MakeEntrant(std::string name, std::vector<std::vector<Cell>> cells, size_t budgets) {
  Entrant entrant;
  entrant.name = std::move(name);
  entrant.budgets.resize(budgets);
  for (std::vector<Cell>& of_space : cells) {
    for (Cell& cell : of_space) {
      if (cell.score) entrant.scores.push_back(*cell.score);
      if (!cell.curve.empty()) entrant.curves.push_back(std::move(cell.curve));
    }
    for (size_t b = 0; b < budgets; ++b) {
      entrant.budgets[b].spaces.push_back(std::move(of_space[b].result));
    }
  }
  entrant.score = std::accumulate(entrant.scores.begin(), entrant.scores.end(), 0.0) /
                  static_cast<double>(cells.size());
  for (Entrant::AtBudget& at : entrant.budgets) TakeMeans(&at);
  return entrant;
}

Entrant MakeEntrant(std::span<const ReplaySpace> spaces, const Outsider& outsider,
                    const std::vector<int>& budgets) {
  Entrant entrant;
  entrant.name = outsider.name;
  entrant.outsider = true;
  for (size_t b = 0; b < budgets.size(); ++b) {
    Entrant::AtBudget& at = entrant.budgets.emplace_back();
    for (size_t s = 0; s < spaces.size(); ++s) {
      at.spaces.push_back(JudgeBudget(spaces[s], outsider.costs[s][b], budgets[b]));
    }
    TakeMeans(&at);
    entrant.score += at.score / static_cast<double>(budgets.size());
  }
  return entrant;
}

}  // namespace

absl::StatusOr<Tournament> RunTournament(std::span<const ReplaySpace> spaces,
                                         const TournamentOptions& options) {
  if (spaces.empty())
    return absl::InvalidArgumentError("a tournament needs at least one recorded space");
  if (options.budgets.empty())
    return absl::InvalidArgumentError("a tournament needs at least one budget");
  std::vector<std::string> strategies = options.strategies;
  if (std::find(strategies.begin(), strategies.end(), kRandomName) == strategies.end()) {
    strategies.emplace_back(kRandomName);
  }
  for (size_t i = 0; i < strategies.size(); ++i) {
    if (std::find(strategies.begin(), strategies.begin() + i, strategies[i]) !=
        strategies.begin() + i) {
      return absl::InvalidArgumentError(
          absl::StrCat("strategy ", strategies[i], " is named twice"));
    }
  }
  absl::StatusOr<Cells> cells = PlayAll(spaces, strategies, options);
  if (!cells.ok()) return cells.status();

  Tournament tournament;
  std::vector<Entrant>& entrants = tournament.entrants;
  for (size_t i = 0; i < strategies.size(); ++i) {
    entrants.push_back(MakeEntrant(strategies[i], std::move((*cells)[i]), options.budgets.size()));
  }
  for (const Outsider& outsider : options.outsiders) {
    entrants.push_back(MakeEntrant(spaces, outsider, options.budgets));
  }
  std::stable_sort(entrants.begin(), entrants.end(), [](const Entrant& a, const Entrant& b) {
    return a.outsider != b.outsider ? b.outsider : a.score > b.score;
  });
  const auto random = static_cast<size_t>(
      std::find_if(entrants.begin(), entrants.end(),
                   [](const Entrant& entrant) { return entrant.name == kRandomName; }) -
      entrants.begin());
  for (size_t b = 0; b < options.budgets.size(); ++b) {
    const std::vector<Pairing> compared = ComparePairs(entrants, b);
    FillBalances(compared, b, random, &entrants);
    tournament.comparisons.insert(tournament.comparisons.end(), compared.begin(), compared.end());
  }
  return tournament;
}

}  // namespace jitattn::lab
