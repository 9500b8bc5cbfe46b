// Strategies against each other and against chance, over recorded spaces.

#ifndef JITATTN_LAB_REPLAY_TOURNAMENT_H_
#define JITATTN_LAB_REPLAY_TOURNAMENT_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/replay.h"

namespace jitattn::lab {

// A difference counts where Holm's p, over all tests at a budget, is below.
inline constexpr double kSignificance = 0.05;

// Over spaces: on how many one strategy chose significantly better (Wilcoxon's test over repeats).
struct Balance {
  int wins = 0, ties = 0, losses = 0;
};

struct Entrant {
  std::string name;
  bool outsider = false;
  std::vector<double> scores;  // by space: ScoreOverTime to ScoreDraws; an outsider has none
  double score = 0;            // their mean; of an outsider that of its scores at the budgets

  struct AtBudget {
    std::vector<BudgetResult> spaces;
    // Means over spaces.
    double mean = 0, tenth_percentile = 0, within_5_percent = 0, score = 0;
    Balance against_random;
    // Wilcoxon's test of the spaces' means against random's, by Holm over the strategies. At least
    // 2 / 2^spaces × strategies.
    double p_random = 1;
    Balance against_all;  // summed over the other strategies
  };
  std::vector<AtBudget> budgets;  // as asked for

  // Optimum ÷ best so far, over the runs.
  struct Held {
    double mean = 0, p10 = 0, p50 = 0, p90 = 0;
  };
  // Where asked for: by space, after each number of evaluations from 1 to the largest budget.
  std::vector<std::vector<Held>> curves;
};

struct Pairing {
  size_t a = 0, b = 0;  // entrants; a < b
  size_t budget = 0;    // as asked for
  Balance balance;      // as `a` sees it
};

// Someone else's search, known by what it chose.
struct Outsider {
  std::string name;
  std::vector<std::vector<std::vector<double>>> costs;  // by space, budget, repeat
};

struct Tournament {
  std::vector<Entrant> entrants;  // best score first; then outsiders, by their scores at budgets
  std::vector<Pairing> comparisons;
};

struct TournamentOptions {
  std::vector<std::string> strategies;  // "random", which everyone is held against, is added
  std::vector<int> budgets;
  std::vector<Outsider> outsiders;
  bool curves = false;
  ReplayOptions replay;
  int threads = 1;  // strategies and spaces are shared out; the result does not depend on it
  std::function<void(int done, int all)> progress;  // one call at a time
};

// InvalidArgument: no space, no budget, a strategy twice, and what replaying refuses. Strategies
// are paired by repeat; where one has fewer repeats, the others' first ones are compared with them.
absl::StatusOr<Tournament> RunTournament(std::span<const ReplaySpace> spaces,
                                         const TournamentOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_TOURNAMENT_H_
