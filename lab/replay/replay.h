// Judges strategies on recorded spaces, without hardware: a strategy runs many times, and the
// recording supplies every measurement.

#ifndef JITATTN_LAB_REPLAY_REPLAY_H_
#define JITATTN_LAB_REPLAY_REPLAY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"
#include "lab/replay/recording.h"
#include "search/strategy.h"

namespace jitattn::lab {

// The costs of a recorded space, and the expected result of random search on it. A failed point
// counts as the slowest working point, since evaluating it costs a draw.
class ReplaySpace {
 public:
  // InvalidArgument if no point works. REQUIRES: `recording` outlives the result.
  static absl::StatusOr<ReplaySpace> Create(const Recording& recording);

  const Recording& recording() const { return *recording_; }
  double optimum() const { return sorted_.front(); }
  double median() const { return sorted_[sorted_.size() / 2]; }
  double worst() const { return sorted_.back(); }

  // The exact expectation of the minimum cost of `draws` points drawn without replacement.
  double ExpectedBest(int draws) const;
  // The fewest draws whose expectation reaches optimum + (median − optimum) · (1 − share).
  int DrawsToReach(double share) const;

  // Seconds to evaluate a point: compiling and benchmarking; 1 if the recording has no such times.
  double EvaluationSeconds(int rank) const;
  double MeanEvaluationSeconds() const { return mean_seconds_; }

 private:
  const Recording* recording_ = nullptr;
  std::vector<double> sorted_;
  bool timed_ = false;
  double mean_seconds_ = 1;
};

struct ReplayOptions {
  int repeats = 100;
  uint64_t seed = 1;
  // The strategy sees one random sample of a point, as on a noisy machine, and its choice is judged
  // by the point's cost. A point without samples shows its cost.
  bool noisy = false;
  bool seeds = false;  // strategies get the recording's seeds
  search::StrategyOptions strategy;
  // The time in seconds. If set, scores over time include the strategy's own time.
  std::function<double()> clock;
};

// One step of a run. A run has a step for each distinct evaluation.
struct ReplayStep {
  double seconds = 0;  // since the start of the run, this evaluation included
  double cost = 0;     // true cost of the incumbent: the best point by the costs that were shown
};
using ReplayRun = std::vector<ReplayStep>;

// Makes `options.repeats` runs, each with a budget of `budget` evaluations.
absl::StatusOr<std::vector<ReplayRun>> Replay(const ReplaySpace& space, std::string_view strategy,
                                              int budget, const ReplayOptions& options);

// Cost of a run's incumbent after `evaluations`; before the first evaluation, the slowest cost.
double HeldAfter(const ReplaySpace& space, const ReplayRun& run, int evaluations);

// Result at a fixed budget of distinct evaluations. A fraction is optimum ÷ cost of the chosen
// point.
struct BudgetResult {
  std::vector<double> fractions;  // by repeat
  double mean = 0, tenth_percentile = 0;
  double within_5_percent = 0;  // share of repeats whose choice costs at most 1.05 × the optimum
  // 0: the expectation of random search at this budget, 1: the optimum; negative: below random.
  double score = 0;
};
// `costs`: cost of the chosen point, by repeat.
BudgetResult JudgeBudget(const ReplaySpace& space, std::span<const double> costs, int budget);

// Willemsen et al., "A methodology for comparing optimization algorithms for auto-tuning" (FGCS
// 2024): the mean over 50 moments of (baseline − F) / (baseline − optimum). F is the mean over runs
// of the best cost found by that moment; the baseline is random search's expected best by then. The
// last moment is the expected time at which random search has made `draws` evaluations.
double ScoreOverTime(const ReplaySpace& space, std::span<const ReplayRun> runs, int draws);

// A score ends when random search is expected to have covered this share of the way from median to
// optimum. With one good point in thousands this takes thousands of draws, so a score ends at
// `most` draws if that is sooner.
inline constexpr double kScoreShare = 0.96;
int ScoreDraws(const ReplaySpace& space, int most);

// Replay, then JudgeBudget or ScoreOverTime.
absl::StatusOr<BudgetResult> ReplayAtBudget(const ReplaySpace& space, std::string_view strategy,
                                            int budget, const ReplayOptions& options);
absl::StatusOr<double> ReplayScore(const ReplaySpace& space, std::string_view strategy, int draws,
                                   const ReplayOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_REPLAY_H_
