// Judging strategies on recorded spaces, with no hardware: many runs whose every answer comes from
// the recording.

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

// What a recorded space has to offer, and what chance makes of it. Failed points count as the
// slowest that works: looking at one is a draw spent.
class ReplaySpace {
 public:
  // InvalidArgument if no point works. Keeps a reference.
  static absl::StatusOr<ReplaySpace> Create(const Recording& recording);

  const Recording& recording() const { return *recording_; }
  double optimum() const { return sorted_.front(); }
  double median() const { return sorted_[sorted_.size() / 2]; }
  double worst() const { return sorted_.back(); }

  // The exact expectation of the least cost among `draws` points drawn without replacement.
  double ExpectedBest(int draws) const;
  // The fewest draws whose expectation reaches optimum + (median − optimum) · (1 − share).
  int DrawsToReach(double share) const;

  // Seconds to look at a point: compiling and benchmarking; 1 for each where none are recorded.
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
  // The strategy sees one random sample a point and its choice is judged by the mean of all, as on
  // a noisy machine; where samples are missing, the cost itself.
  bool noisy = false;
  bool seeds = false;  // strategies are given the recording's seeds
  search::StrategyOptions strategy;
  // Seconds now; where given, the strategy's own time is charged in scores over time.
  std::function<double()> clock;
};

// One run of a strategy: a step for each distinct evaluation.
struct ReplayStep {
  double seconds = 0;  // since the run began, this evaluation included
  double cost = 0;     // true cost of the point that the strategy holds best by then
};
using ReplayRun = std::vector<ReplayStep>;

// `options.repeats` runs, each told that it has `budget` evaluations.
absl::StatusOr<std::vector<ReplayRun>> Replay(const ReplaySpace& space, std::string_view strategy,
                                              int budget, const ReplayOptions& options);

// What a run holds after `evaluations`; the slowest cost before the first.
double HeldAfter(const ReplaySpace& space, const ReplayRun& run, int evaluations);

// At a fixed budget of distinct evaluations; a fraction is optimum / cost of the point chosen.
struct BudgetResult {
  std::vector<double> fractions;  // by repeat
  double mean = 0, tenth_percentile = 0;
  double within_5_percent = 0;  // share of repeats whose choice costs at most 1.05 × the optimum
  // 0: as random search is expected to do at this budget, 1: the optimum; negative: below random.
  double score = 0;
};
// `costs`: of the point chosen, by repeat.
BudgetResult JudgeBudget(const ReplaySpace& space, std::span<const double> costs, int budget);

// Willemsen et al., "A methodology for comparing optimization algorithms for auto-tuning" (FGCS
// 2024): the mean over 50 moments of (baseline − F) / (baseline − optimum), F the mean over runs of
// the best found by then and baseline what random search has by then. The last moment is when
// random search is expected to have made `draws` evaluations.
double ScoreOverTime(const ReplaySpace& space, std::span<const ReplayRun> runs, int draws);

// Where their scores end: random search is expected to have covered this share of the way from
// median to optimum. With one good point in thousands that is thousands of draws; a score ends at
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
