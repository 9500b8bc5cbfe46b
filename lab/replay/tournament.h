// Compares strategies with each other and with random search, over recorded spaces.

#ifndef JITATTN_LAB_REPLAY_TOURNAMENT_H_
#define JITATTN_LAB_REPLAY_TOURNAMENT_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/replay.h"

namespace jitattn::lab {

// A difference counts if its p-value, adjusted by Holm over all tests at a budget, is below this.
inline constexpr double kSignificance = 0.05;

// Number of spaces on which one strategy chose significantly better than another (wins), worse
// (losses), or neither, by Wilcoxon's test over repeats.
struct Balance {
  int wins = 0, ties = 0, losses = 0;
};

struct Entrant {
  std::string name;
  bool outsider = false;
  std::vector<double> scores;  // by space: ScoreOverTime up to ScoreDraws; empty for an outsider
  double score = 0;            // mean of `scores`; for an outsider, of its scores at the budgets

  struct AtBudget {
    std::vector<BudgetResult> spaces;
    // Means over spaces.
    double mean = 0, tenth_percentile = 0, within_5_percent = 0, score = 0;
    Balance against_random;
    // Wilcoxon's test of the spaces' means against random's, adjusted by Holm over the strategies.
    // Its least possible value is 2 / 2^spaces × strategies.
    double p_random = 1;
    Balance against_all;  // sum over the other strategies
  };
  std::vector<AtBudget> budgets;  // in the order of TournamentOptions::budgets

  // Distribution over the runs of optimum ÷ cost of the incumbent.
  struct Held {
    double mean = 0, p10 = 0, p50 = 0, p90 = 0;
  };
  // If TournamentOptions::curves: by space, then by evaluations from 1 to the largest budget.
  std::vector<std::vector<Held>> curves;
};

struct Pairing {
  size_t a = 0, b = 0;  // indices of entrants; a < b
  size_t budget = 0;    // index into TournamentOptions::budgets
  Balance balance;      // wins are wins of `a`
};

// A search by another program, known only by the costs of the points that it chose.
struct Outsider {
  std::string name;
  std::vector<std::vector<std::vector<double>>> costs;  // by space, budget, repeat
};

struct Tournament {
  std::vector<Entrant> entrants;  // strategies, best score first; then outsiders, best score first
  std::vector<Pairing> comparisons;
};

struct TournamentOptions {
  std::vector<std::string> strategies;  // "random", the reference of all, is added if missing
  std::vector<int> budgets;
  std::vector<Outsider> outsiders;
  bool curves = false;
  ReplayOptions replay;
  int threads = 1;  // the result does not depend on the number of threads
  std::function<void(int done, int all)> progress;  // never called concurrently
};

// Replays every strategy on every space at every budget and compares the results. InvalidArgument:
// no space, no budget, a strategy named twice, or an error of Replay. Two entrants are paired by
// repeat; if one has n repeats and the other more, the first n of the other are used.
absl::StatusOr<Tournament> RunTournament(std::span<const ReplaySpace> spaces,
                                         const TournamentOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_TOURNAMENT_H_
