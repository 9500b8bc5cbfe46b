// Overhead of the model besides the measurements: a step of `bayes`, which evaluates every point of
// the largest space of a tuning (TuningSpace::kMaxPoints), over the evaluations of a tuning.
//
//   build-bench/bench/bayes_step --benchmark_repetitions=5
//
// The time is that of a whole search with the given number of evaluations, without any measurement.
// The counters are milliseconds per step: the mean, and the slowest step, which fits the model's
// parameters anew. The aim: milliseconds.

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/rng.h"
#include "benchmark/benchmark.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "runtime/tuning_space.h"
#include "search/strategy.h"

namespace {

using jitattn::runtime::TuningSpace;
using Clock = std::chrono::steady_clock;

// Its full space has more than kMaxPoints points.
const jitattn::ops::Problem kProblem = jitattn::ops::AttentionProblem{
    .q_len = 1024, .kv_len = 1024, .head_dim = 128, .value_dim = 128};

void BM_BayesStep(benchmark::State& state) {
  const auto evaluations = static_cast<int>(state.range(0));
  const jitattn::Cpu& cpu = jitattn::HostCpu();
  const auto space = TuningSpace::Create(kProblem, cpu, /*threads=*/2);
  if (!space.ok()) return state.SkipWithError("no space");
  double slowest = 0, all = 0;
  int64_t steps = 0;
  for (auto _ : state) {
    auto strategy = jitattn::search::MakeStrategy(
        "bayes", {.space = &space->space(), .budget = evaluations, .seed = 1});
    if (!strategy.ok()) return state.SkipWithError("no strategy");
    jitattn::Rng noise(1);
    auto began = Clock::now();
    while (const auto ask = (*strategy)->Next()) {
      const double cycles = jitattn::ops::EstimateCycles(kProblem, space->ConfigAt(ask->rank), cpu);
      (*strategy)->Tell({.rank = ask->rank, .cost = cycles * (1 + 0.02 * noise.Uniform())});
      const auto now = Clock::now();
      const double ms = std::chrono::duration<double, std::milli>(now - began).count();
      slowest = std::max(slowest, ms);
      all += ms;
      ++steps;
      began = now;
    }
  }
  state.counters["points"] = space->space().size();
  state.counters["step_ms"] = all / static_cast<double>(std::max<int64_t>(1, steps));
  state.counters["slowest_ms"] = slowest;
}
BENCHMARK(BM_BayesStep)->Arg(18)->Arg(36)->Arg(100)->Arg(200)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
