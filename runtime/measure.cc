// Measures candidates: verifies, warms up, and samples until the low end is stable or the candidate
// is clearly slower than the best so far. Also runs races between a few of them.

#include "runtime/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/rng.h"
#include "parallel/thread_pool.h"
#include "runtime/operands.h"
#include "runtime/placements.h"
#include "runtime/plan.h"

namespace jitattn::runtime {
namespace {

// A run of this length is warm after one run, averages over many scheduler ticks, and is expensive:
// three samples suffice.
constexpr double kLongRunSeconds = 10e-3;
constexpr int kLongRunSamples = 3;

// After the minimum number of samples, do not wait longer than this for a noisy machine to settle:
// the race of the finalists decides, not this measurement.
constexpr double kPatienceSeconds = 0.15;

// Sampling ends when the two fastest samples agree within this: the low end has been reached.
constexpr double kSettled = 0.005;

// A candidate is dropped if its fastest sample is this many times as slow as the best candidate.
// Noise only adds time, but often disturbs a whole sample: the limit is stricter with more samples.
constexpr struct {
  int samples;
  double ratio;
} kDrop[] = {{1, 2.0}, {2, 1.25}, {3, 1.1}, {5, 1.05}};

// A larger count would make the evaluation of a tiny problem longer than its samples need.
constexpr int64_t kMaxIterations = 1 << 20;

// Time for a candidate in each round of a race, in at most three samples.
constexpr double kRacePassSeconds = 0.06;
constexpr int kMaxRacePasses = 3;
// Overhead of the shortest sample: one untimed run, and the extra time of candidates slower than
// the fastest, whose time sets the number of runs.
constexpr double kSampleOverhead = 0.3e-3;
// Allocating the fresh memory of a round.
constexpr double kFreshSeconds = 0.5e-3;

bool IsSettled(std::vector<double> samples) {
  std::nth_element(samples.begin(), samples.begin() + 1, samples.end());
  return samples[1] <= (1 + kSettled) * samples[0];
}

class PlanMeasurer : public Measurer {
 public:
  PlanMeasurer(ops::Problem problem, const Cpu& cpu, const MeasureOptions& options,
               std::unique_ptr<Operands> operands)
      : problem_(std::move(problem)),
        cpu_(cpu),
        options_(options),
        operands_(std::move(operands)),
        placements_(problem_, cpu_, options_, *operands_) {}

  double Now() override { return SteadyNow(); }

  void Wait(double seconds) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }

  Evaluation Evaluate(const ops::Config& config, const Limits& limits) override;
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config> configs,
                                                        int rounds, double deadline_s) override;

 private:
  absl::StatusOr<std::shared_ptr<const Plan>> MakePlan(const ops::Config& config) {
    return Plan::Create(problem_, cpu_,
                        {.conditions = options_.conditions, .use_cache = false, .config = config});
  }

  // Runs once on set 0 and compares the result with the reference.
  absl::Status Verify(const Plan& plan, Evaluation& evaluation);
  // Mean seconds of a run, over `iterations` runs.
  double TimeBatch(const Plan& plan, int64_t iterations) {
    return TimeBatch(*operands_, plan, iterations);
  }
  double TimeBatch(const Operands& operands, const Plan& plan, int64_t iterations);
  void Sample(const Plan& plan, const Limits& limits, Evaluation& evaluation);
  bool Dropped(const Evaluation& evaluation, const Limits& limits) const;

  const ops::Problem problem_;
  const Cpu cpu_;
  const MeasureOptions options_;
  const std::unique_ptr<Operands> operands_;
  Placements placements_;  // of the races
  int64_t next_set_ = 0;
};

double PlanMeasurer::TimeBatch(const Operands& operands, const Plan& plan, int64_t iterations) {
  const int64_t sets = operands.sets();
  const InsistOnHelp all_threads;
  const double start = Now();
  for (int64_t i = 0; i < iterations; ++i) {
    // Verify checked the status of a run with the same arguments.
    operands.Run(plan, next_set_).IgnoreError();
    if (++next_set_ == sets) next_set_ = 0;
  }
  return (Now() - start) / static_cast<double>(iterations);
}

absl::Status PlanMeasurer::Verify(const Plan& plan, Evaluation& evaluation) {
  operands_->Poison();
  const double start = Now();
  if (absl::Status status = operands_->Run(plan, 0); !status.ok()) return status;
  evaluation.first_call_s = Now() - start;
  const ops::Verdict verdict = operands_->Check();
  evaluation.max_error = verdict.max_error;
  if (!verdict.correct) {
    evaluation.outcome = Evaluation::Outcome::kWrong;
    evaluation.error = absl::StrCat("wrong result: ", verdict.what);
  } else if (options_.error_to_original) {
    const absl::StatusOr<double> error = operands_->ErrorToOriginal();
    if (!error.ok()) return error.status();
    evaluation.max_error = *error;
  }
  return absl::OkStatus();
}

bool PlanMeasurer::Dropped(const Evaluation& evaluation, const Limits& limits) const {
  if (limits.incumbent_s <= 0) return false;
  const std::vector<double>& samples = evaluation.samples;
  const double fastest = *std::min_element(samples.begin(), samples.end());
  return std::any_of(std::begin(kDrop), std::end(kDrop), [&](const auto& rule) {
    return static_cast<int>(samples.size()) >= rule.samples &&
           fastest > rule.ratio * limits.incumbent_s;
  });
}

void PlanMeasurer::Sample(const Plan& plan, const Limits& limits, Evaluation& evaluation) {
  // Doubling, as in FFTW, also warms up the caches and the clock and wakes sleeping threads.
  int64_t iterations = 1;
  double run_s;
  for (;; iterations *= 2) {
    if (Now() >= limits.deadline_s) return;
    run_s = TimeBatch(plan, iterations);
    if (run_s * static_cast<double>(iterations) >= options_.min_sample_s ||
        iterations >= kMaxIterations) {
      break;
    }
  }
  const bool is_long = run_s >= kLongRunSeconds;
  if (is_long) evaluation.samples.push_back(run_s);
  const int resource = std::max(1, limits.resource);
  const size_t least =
      static_cast<size_t>((is_long ? kLongRunSamples : options_.min_samples) * resource);
  const size_t most = static_cast<size_t>(options_.max_samples * resource);
  const double patience = Now() + kPatienceSeconds * resource;
  std::vector<double>& samples = evaluation.samples;
  evaluation.outcome = Evaluation::Outcome::kMeasured;
  while (samples.size() < most && (samples.empty() || Now() < limits.deadline_s)) {
    if (!samples.empty() && Dropped(evaluation, limits)) {
      evaluation.outcome = Evaluation::Outcome::kCensored;
      break;
    }
    if (samples.size() >= least && (IsSettled(samples) || Now() >= patience)) break;
    samples.push_back(TimeBatch(plan, iterations));
  }
  evaluation.seconds = Summarise(samples);
}

Evaluation PlanMeasurer::Evaluate(const ops::Config& config, const Limits& limits) {
  Evaluation evaluation{.config = config};
  absl::StatusOr<std::shared_ptr<const Plan>> plan = MakePlan(config);
  if (!plan.ok()) {
    evaluation.error = std::string(plan.status().message());
    return evaluation;
  }
  evaluation.emit_s = (*plan)->emit_seconds();
  evaluation.scratch_bytes = static_cast<int64_t>((*plan)->scratch_bytes());
  if (absl::Status status = Verify(**plan, evaluation); !status.ok()) {
    evaluation.error = std::string(status.message());
  }
  if (!evaluation.error.empty()) return evaluation;
  Sample(**plan, limits, evaluation);
  if (evaluation.samples.empty()) {
    evaluation.error = "no time was left to measure it";
    return evaluation;
  }
  // Check again after the many runs: a data race between threads may not show in the first run.
  const ops::Verdict verdict = operands_->Check();
  if (!options_.error_to_original) {
    evaluation.max_error = std::max(evaluation.max_error, verdict.max_error);
  }
  if (!verdict.correct) {
    evaluation.outcome = Evaluation::Outcome::kWrong;
    evaluation.error = absl::StrCat("wrong result after many runs: ", verdict.what);
  }
  return evaluation;
}

absl::StatusOr<std::vector<std::vector<double>>> PlanMeasurer::Race(
    std::span<const ops::Config> configs, int rounds, double deadline_s) {
  const size_t count = configs.size();
  std::vector<std::vector<double>> seconds(count);
  Rng rng(options_.seed);
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  int64_t iterations = 0;
  int passes = 0;
  for (int r = 0; r < rounds; ++r) {
    if (Now() >= deadline_s) return seconds;
    const absl::StatusOr<Placement> at = placements_.Next(configs);
    if (!at.ok()) return at.status();
    if (iterations == 0) {
      double fastest = 1e300;
      for (const auto& plan : at->plans) {
        TimeBatch(*at->operands, *plan, 1);
        fastest = std::min(fastest, TimeBatch(*at->operands, *plan, 1));
      }
      const double runs = std::ceil(options_.min_sample_s / std::max(fastest, 1e-9));
      iterations = static_cast<int64_t>(std::clamp<double>(runs, 1, kMaxIterations));
      passes = RacePasses(fastest);
    }
    std::vector<double> round(count, 1e300);
    for (int pass = 0; pass < passes; ++pass) {
      rng.Shuffle(order);
      for (const int who : order) {
        if (Now() >= deadline_s) return seconds;  // an incomplete round does not count
        // The previous candidate left its own scratch in the caches. If a sample is a single run,
        // refilling them is part of the cost of a run anyway.
        if (iterations > 1) TimeBatch(*at->operands, *at->plans[who], 1);
        round[who] = std::min(round[who], TimeBatch(*at->operands, *at->plans[who], iterations));
      }
    }
    for (size_t i = 0; i < count; ++i) seconds[i].push_back(round[i]);
  }
  return seconds;
}

}  // namespace

int RacePasses(double run_s) {
  return static_cast<int>(
      std::clamp<double>(kRacePassSeconds / std::max(run_s, 1e-9), 1, kMaxRacePasses));
}

double RaceSeconds(double run_s) {
  const double sample = std::max(run_s, MeasureOptions().min_sample_s) + kSampleOverhead;
  return RacePasses(run_s) * sample + kFreshSeconds;
}

absl::StatusOr<std::unique_ptr<Measurer>> MakeMeasurer(const ops::Problem& problem, const Cpu& cpu,
                                                       const MeasureOptions& options) {
  auto operands = Operands::Create(problem, options.conditions, options.seed);
  if (!operands.ok()) return operands.status();
  return std::make_unique<PlanMeasurer>(problem, cpu, options, *std::move(operands));
}

}  // namespace jitattn::runtime
