// The study's loop: one search over both types.

#include "lab/measuring/study.h"

#include <algorithm>
#include <string_view>

#include "lab/replay/study_space.h"
#include "ops/operation.h"

namespace jitattn::lab {
namespace {

constexpr std::string_view kBlockField = "kv_block";
constexpr int kKeysPerBlockElement = 4;
// After this many known points in a row, the strategy is taken to have no new point to ask for.
constexpr int kMaxRepeats = 10000;

// The parameters of StudySpace, in its order.
enum : size_t { kThreads, kBlock, kDType };

search::Trial ToTrial(const StudyTrial& trial) {
  using Outcome = search::Trial::Outcome;
  const runtime::Evaluation& evaluation = trial.evaluation;
  if (evaluation.outcome != runtime::Evaluation::Outcome::kMeasured) {
    return {.rank = trial.rank, .outcome = Outcome::kFailed, .error = evaluation.error};
  }
  return {.rank = trial.rank, .cost = evaluation.seconds.min, .spread = evaluation.seconds.cv};
}

}  // namespace

bool IsStudied(const ops::Operation& operation) {
  return std::ranges::any_of(operation.algorithms, [](const ops::Algorithm* algorithm) {
    return ops::FindField(*algorithm, kBlockField) != nullptr;
  });
}

StudyPoint StudyPointAt(int rank, const ops::Problem& problem, const Cpu& cpu) {
  const search::Space space = StudySpace();
  const search::Point indices = space.At(rank);
  auto value = [&](size_t parameter) {
    return static_cast<int>(space.parameters()[parameter].values[indices[parameter]]);
  };
  StudyPoint point = {.problem = problem, .threads = value(kThreads), .block = value(kBlock)};
  point.problem.set_dtype(static_cast<DType>(value(kDType)));
  ops::Config config = ops::DefaultConfig(point.problem, cpu, point.threads);
  config.set_threads(point.threads);
  // The portable path has no field `kv_block`.
  if (const ops::Field* block = ops::FindField(config.algorithm(), kBlockField)) {
    block->set(config, kKeysPerBlockElement * point.block);
  }
  point.config = ops::Canonical(config, point.problem);
  return point;
}

absl::StatusOr<std::vector<StudyTrial>> RunStudy(
    const ops::Problem& problem, const Cpu& cpu, const StudyOptions& options,
    runtime::Measurer* const measurers[2], const std::function<void(const StudyTrial&)>& progress) {
  const search::Space space = StudySpace();
  auto strategy = search::MakeStrategy(
      options.strategy, {.space = &space, .budget = options.evaluations, .seed = options.seed},
      options.strategy_options);
  if (!strategy.ok()) return strategy.status();
  const double deadline = measurers[0]->Now() + options.seconds;
  std::vector<StudyTrial> trials;
  int repeats = 0;
  while (static_cast<int>(trials.size()) < options.evaluations && repeats < kMaxRepeats) {
    const std::optional<search::Ask> ask = (*strategy)->Next();
    const bool stopped = options.stop != nullptr && options.stop->load();
    if (!ask || stopped || measurers[0]->Now() >= deadline) break;
    auto known = std::find_if(trials.begin(), trials.end(),
                              [&](const StudyTrial& trial) { return trial.rank == ask->rank; });
    ++repeats;
    if (known == trials.end()) {
      repeats = 0;
      StudyTrial trial = {.rank = ask->rank, .point = StudyPointAt(ask->rank, problem, cpu)};
      runtime::Measurer& measurer = *measurers[static_cast<int>(trial.point.problem.dtype())];
      trial.evaluation = measurer.Evaluate(trial.point.config, {.deadline_s = deadline});
      known = trials.insert(trials.end(), std::move(trial));
      if (progress) progress(*known);
    }
    (*strategy)->Tell(ToTrial(*known));
  }
  return trials;
}

const StudyTrial* BestOf(const std::vector<StudyTrial>& trials, DType dtype, int threads) {
  const StudyTrial* best = nullptr;
  for (const StudyTrial& trial : trials) {
    const bool fits = trial.point.problem.dtype() == dtype && trial.point.threads <= threads &&
                      trial.evaluation.outcome == runtime::Evaluation::Outcome::kMeasured;
    if (!fits) continue;
    if (best == nullptr || trial.evaluation.seconds.min < best->evaluation.seconds.min) {
      best = &trial;
    }
  }
  return best;
}

}  // namespace jitattn::lab
