// Replays every strategy on every space, then counts who beat whom.

#include "search/tournament.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/significance.h"

namespace jitattn::search {
namespace {

constexpr std::string_view kRandomName = "random";

// One strategy on one space.
struct Cell {
  double score = 0;
  std::vector<BudgetResult> budgets;
};

absl::StatusOr<Cell> Play(const ReplaySpace& space, const std::string& strategy,
                          const TournamentOptions& options) {
  Cell cell;
  for (const int budget : options.budgets) {
    absl::StatusOr<BudgetResult> result = ReplayAtBudget(space, strategy, budget, options.replay);
    if (!result.ok()) return result.status();
    cell.budgets.push_back(*std::move(result));
  }
  const absl::StatusOr<double> score = ReplayScore(space, strategy, options.replay);
  if (!score.ok()) return score.status();
  cell.score = *score;
  return cell;
}

// Cells by strategy, then space.
absl::StatusOr<std::vector<Cell>> PlayAll(std::span<const ReplaySpace> spaces,
                                          const std::vector<std::string>& strategies,
                                          const TournamentOptions& options) {
  std::vector<Cell> cells(strategies.size() * spaces.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;  // of `failure` and `done`
  absl::Status failure;
  int done = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < cells.size();) {
      absl::StatusOr<Cell> cell =
          Play(spaces[i % spaces.size()], strategies[i / spaces.size()], options);
      const std::lock_guard lock(mutex);
      if (cell.ok()) {
        cells[i] = *std::move(cell);
      } else {
        failure.Update(cell.status());
        next = cells.size();
      }
      if (options.progress) options.progress(++done, static_cast<int>(cells.size()));
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

// All pairs at one budget: a test a space, all of them one family.
std::vector<Comparison> ComparePairs(const std::vector<Entrant>& entrants, size_t budget) {
  std::vector<Comparison> comparisons;
  std::vector<double> p;
  const size_t spaces = entrants.front().scores.size();
  for (size_t a = 0; a < entrants.size(); ++a) {
    for (size_t b = a + 1; b < entrants.size(); ++b) {
      comparisons.push_back({a, b, budget, {}});
      for (size_t s = 0; s < spaces; ++s) {
        p.push_back(WilcoxonSignedRank(entrants[a].budgets[budget].spaces[s].fractions,
                                       entrants[b].budgets[budget].spaces[s].fractions));
      }
    }
  }
  p = Holm(p);
  auto adjusted = p.begin();
  for (Comparison& c : comparisons) {
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

// Fills the balances of one budget in.
void Settle(std::span<const Comparison> comparisons, size_t budget, size_t random,
            std::vector<Entrant>* entrants) {
  for (const Comparison& c : comparisons) {
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

Entrant MakeEntrant(std::string name, std::span<Cell> cells, size_t budgets) {
  Entrant entrant{.name = std::move(name), .scores = {}, .budgets = {}};
  for (const Cell& cell : cells) entrant.scores.push_back(cell.score);
  entrant.score = std::accumulate(entrant.scores.begin(), entrant.scores.end(), 0.0) /
                  static_cast<double>(cells.size());
  entrant.budgets.resize(budgets);
  for (size_t b = 0; b < budgets; ++b) {
    Entrant::AtBudget& at = entrant.budgets[b];
    for (Cell& cell : cells) at.spaces.push_back(std::move(cell.budgets[b]));
    at.mean = Mean(at.spaces, &BudgetResult::mean);
    at.tenth_percentile = Mean(at.spaces, &BudgetResult::tenth_percentile);
    at.within_5_percent = Mean(at.spaces, &BudgetResult::within_5_percent);
  }
  return entrant;
}

}  // namespace

absl::StatusOr<Tournament> RunTournament(std::span<const ReplaySpace> spaces,
                                         const TournamentOptions& options) {
  if (spaces.empty()) return absl::InvalidArgumentError("a tournament needs a recorded space");
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
  absl::StatusOr<std::vector<Cell>> cells = PlayAll(spaces, strategies, options);
  if (!cells.ok()) return cells.status();

  Tournament tournament;
  std::vector<Entrant>& entrants = tournament.entrants;
  for (size_t i = 0; i < strategies.size(); ++i) {
    entrants.push_back(MakeEntrant(strategies[i],
                                   std::span(*cells).subspan(i * spaces.size(), spaces.size()),
                                   options.budgets.size()));
  }
  std::stable_sort(entrants.begin(), entrants.end(),
                   [](const Entrant& a, const Entrant& b) { return a.score > b.score; });
  const auto random = static_cast<size_t>(
      std::find_if(entrants.begin(), entrants.end(),
                   [](const Entrant& entrant) { return entrant.name == kRandomName; }) -
      entrants.begin());
  for (size_t b = 0; b < options.budgets.size(); ++b) {
    const std::vector<Comparison> compared = ComparePairs(entrants, b);
    Settle(compared, b, random, &entrants);
    tournament.comparisons.insert(tournament.comparisons.end(), compared.begin(), compared.end());
  }
  return tournament;
}

}  // namespace jitattn::search
