// Replaying recorded spaces.

#include "lab/replay/replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace jitattn::lab {
namespace {

constexpr int kMoments = 50;  // as in Willemsen et al.

// The seed is hashed so that runs of neighbouring seeds share no repeats: with s + r, repeat r of
// seed s would be repeat r − 1 of seed s + 1.
uint64_t RepeatSeed(uint64_t seed, int repeat) { return Rng(seed).Bits() + repeat; }

ReplayRun Run(const ReplaySpace& space, search::Strategy* strategy, uint64_t seed,
              const ReplayOptions& options) {
  Rng rng(~seed);  // for the noise; independent of the strategy's generator
  const Recording& recording = space.recording();
  ReplayRun steps;
  std::vector<char> seen(recording.points.size());
  double seconds = 0, least_seen = std::numeric_limits<double>::infinity();
  double held = space.worst();
  while (true) {
    const double before = options.clock ? options.clock() : 0;
    const std::optional<search::Ask> ask = strategy->Next();
    if (options.clock) seconds += options.clock() - before;
    if (!ask) return steps;

    const RecordedPoint& point = recording.points[ask->rank];
    search::Trial trial{.rank = ask->rank, .cost = point.cost, .resource = ask->resource};
    if (point.failed()) {
      trial.outcome = search::Trial::Outcome::kFailed;
      trial.error = point.error;
    } else if (options.noisy && !point.samples.empty()) {
      // A resource of n shows the mean of n samples.
      double sum = 0;
      for (int i = 0; i < ask->resource; ++i) {
        sum += point.samples[rng.Below(static_cast<int>(point.samples.size()))];
      }
      trial.cost = sum / ask->resource;
    }
    if (!point.failed() && trial.cost < least_seen) {
      least_seen = trial.cost;
      held = point.cost;
    }
    if (!seen[ask->rank]) {
      seconds += space.EvaluationSeconds(ask->rank);
      steps.push_back({seconds, held});
    } else if (!steps.empty()) {
      steps.back().cost = held;  // a repeated point adds no step; it updates the last one
    }
    seen[ask->rank] = true;
    strategy->Tell(trial);
  }
}

// 0 at the baseline, 1 at the optimum. Also 1 if the baseline is the optimum.
double Improvement(double baseline, double found, double optimum) {
  return baseline > optimum ? (baseline - found) / (baseline - optimum) : 1.0;
}

}  // namespace

absl::StatusOr<ReplaySpace> ReplaySpace::Create(const Recording& recording) {
  ReplaySpace space;
  space.recording_ = &recording;
  double seconds = 0;
  for (const RecordedPoint& point : recording.points) {
    if (!point.failed()) space.sorted_.push_back(point.cost);
    seconds += point.compile_seconds + point.benchmark_seconds;
  }
  if (space.sorted_.empty()) {
    return absl::InvalidArgumentError("no point of the recorded space works");
  }
  std::sort(space.sorted_.begin(), space.sorted_.end());
  space.sorted_.resize(recording.points.size(), space.sorted_.back());
  space.timed_ = seconds > 0;
  if (space.timed_) {
    space.mean_seconds_ = seconds / static_cast<double>(recording.points.size());
  }
  return space;
}

double ReplaySpace::ExpectedBest(int draws) const {
  // The i-th best point (from 0) is the minimum if it is drawn and no better one is. Given that no
  // better one is, all draws fall on the n − i other points: probability draws / (n − i) for each.
  const auto n = static_cast<double>(sorted_.size());
  double expected = 0, none_yet = 1;
  for (size_t i = 0; i < sorted_.size() && none_yet > 0; ++i) {
    const double drawn = std::min(1.0, draws / (n - static_cast<double>(i)));
    expected += none_yet * drawn * sorted_[i];
    none_yet *= 1 - drawn;
  }
  return expected;
}

int ReplaySpace::DrawsToReach(double share) const {
  const double target = optimum() + (median() - optimum()) * (1 - share);
  int low = 1, high = static_cast<int>(sorted_.size());  // drawing every point reaches the optimum
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (ExpectedBest(middle) <= target) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double ReplaySpace::EvaluationSeconds(int rank) const {
  const RecordedPoint& point = recording_->points[rank];
  return timed_ ? point.compile_seconds + point.benchmark_seconds : 1.0;
}

absl::StatusOr<std::vector<ReplayRun>> Replay(const ReplaySpace& space, std::string_view strategy,
                                              int budget, const ReplayOptions& options) {
  if (options.repeats < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("a replay needs at least one repeat, not ", options.repeats));
  }
  std::vector<ReplayRun> runs;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    search::StrategyContext context;
    context.space = &space.recording().space;
    context.budget = budget;
    if (options.seeds) context.seeds = space.recording().seeds;
    context.seed = RepeatSeed(options.seed, repeat);
    absl::StatusOr<std::unique_ptr<search::Strategy>> made =
        search::MakeStrategy(strategy, context, options.strategy);
    if (!made.ok()) return made.status();
    runs.push_back(Run(space, made->get(), context.seed, options));
  }
  return runs;
}

double HeldAfter(const ReplaySpace& space, const ReplayRun& run, int evaluations) {
  const size_t count = std::min(run.size(), static_cast<size_t>(std::max(0, evaluations)));
  return count == 0 ? space.worst() : run[count - 1].cost;
}

BudgetResult JudgeBudget(const ReplaySpace& space, std::span<const double> costs, int budget) {
  BudgetResult result;
  double found = 0;
  for (const double cost : costs) {
    found += cost;
    result.fractions.push_back(space.optimum() / cost);
    result.mean += result.fractions.back();
    if (cost <= 1.05 * space.optimum()) result.within_5_percent += 1;
  }
  const auto repeats = static_cast<double>(costs.size());
  found /= repeats;
  result.mean /= repeats;
  result.within_5_percent /= repeats;
  std::vector<double> sorted = result.fractions;
  std::sort(sorted.begin(), sorted.end());
  result.tenth_percentile = sorted[(sorted.size() - 1) / 10];
  result.score = Improvement(space.ExpectedBest(budget), found, space.optimum());
  return result;
}

int ScoreDraws(const ReplaySpace& space, int most) {
  return std::min(space.DrawsToReach(kScoreShare), most);
}

double ScoreOverTime(const ReplaySpace& space, std::span<const ReplayRun> runs, int draws) {
  const double end = draws * space.MeanEvaluationSeconds();
  double score = 0;
  for (int moment = 1; moment <= kMoments; ++moment) {
    const double now = end * moment / kMoments;
    double found = 0;
    for (const ReplayRun& run : runs) {
      const auto after = std::upper_bound(
          run.begin(), run.end(), now * (1 + 1e-9),  // tolerates the rounding of summed times
          [](double limit, const ReplayStep& step) { return limit < step.seconds; });
      found += after == run.begin() ? space.worst() : std::prev(after)->cost;
    }
    found /= static_cast<double>(runs.size());
    const int drawn = static_cast<int>(now / space.MeanEvaluationSeconds() * (1 + 1e-9));
    const double baseline = drawn == 0 ? space.worst() : space.ExpectedBest(drawn);
    score += Improvement(baseline, found, space.optimum()) / kMoments;
  }
  return score;
}

absl::StatusOr<BudgetResult> ReplayAtBudget(const ReplaySpace& space, std::string_view strategy,
                                            int budget, const ReplayOptions& options) {
  const auto runs = Replay(space, strategy, budget, options);
  if (!runs.ok()) return runs.status();
  std::vector<double> costs;
  for (const ReplayRun& run : *runs) costs.push_back(HeldAfter(space, run, budget));
  return JudgeBudget(space, costs, budget);
}

absl::StatusOr<double> ReplayScore(const ReplaySpace& space, std::string_view strategy, int draws,
                                   const ReplayOptions& options) {
  const auto runs = Replay(space, strategy, draws, options);
  if (!runs.ok()) return runs.status();
  return ScoreOverTime(space, *runs, draws);
}

}  // namespace jitattn::lab
