// One problem, solved by several plans in turn.

#include "lab/measuring/bench.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "lab/measuring/kernel_calls.h"
#include "parallel/thread_pool.h"
#include "runtime/operands.h"

namespace jitattn::lab {
namespace {

// Runs the plan once and checks the result. Returns why it is wrong, or "" if it is right. Raises
// `error` to the largest error seen.
std::string Verify(const runtime::Plan& plan, runtime::Operands& operands, double* error) {
  operands.Poison();
  if (absl::Status status = operands.Run(plan, 0); !status.ok()) {
    return std::string(status.message());
  }
  const ops::Verdict verdict = operands.Check();
  *error = std::max(*error, verdict.max_error);
  return verdict.correct ? "" : verdict.what;
}

}  // namespace

double BenchResult::spread() const {
  return seconds.min > 0 ? first_quartile / seconds.min - 1 : 0;
}

BenchResult Figures(std::span<const double> samples, const Limits& limits) {
  return {.seconds = runtime::Summarise(samples),
          .first_quartile = samples.empty() ? 0 : runtime::Quantile(samples, 0.25),
          .samples = {samples.begin(), samples.end()},
          .limits = limits};
}

double CyclesAVector(const ops::Problem& problem, const BenchResult& result, int threads) {
  // Bytes() counts input and output.
  const double vectors = ops::Bytes(problem) / 2 / 64;
  return result.seconds.min * result.clock_hz * threads / vectors;
}

absl::StatusOr<std::vector<BenchResult>> Bench(const ops::Problem& problem,
                                               std::span<const BenchEntrant> entrants,
                                               const Cpu& cpu, const BenchOptions& options) {
  auto operands = runtime::Operands::Create(problem, entrants.front().conditions, options.seed);
  if (!operands.ok()) return operands.status();
  runtime::Operands& data = **operands;

  std::vector<BenchResult> results(entrants.size());
  // Entrants with the same instructions and threads share their probes.
  std::map<std::pair<Isa, int>, LimitProbes> probes;
  const int64_t resident_bytes = static_cast<int64_t>(ops::Bytes(problem)) * data.sets();
  std::vector<std::function<void()>> runs;
  std::vector<size_t> timed;  // entrant of each run
  std::vector<std::pair<KernelCalls, size_t>> alone;
  int64_t set = 0;
  for (size_t i = 0; i < entrants.size(); ++i) {
    const runtime::Plan& plan = *entrants[i].plan;
    results[i].wrong = Verify(plan, data, &results[i].max_error);
    if (!results[i].wrong.empty()) continue;
    const std::pair key(entrants[i].conditions.isa, entrants[i].conditions.threads);
    probes.try_emplace(key, problem, resident_bytes, key.first, key.second, cpu);
    // The status needs no check: Verify() ran the plan with the same arguments.
    runs.push_back([&plan, &data, &set] {
      data.Run(plan, set).IgnoreError();
      if (++set == data.sets()) set = 0;
    });
    timed.push_back(i);
    if (!options.kernel_alone) continue;
    if (auto calls = KernelCalls::Of(entrants[i].plan, data.Args(0).get())) {
      alone.emplace_back(*std::move(calls), i);
    }
  }
  for (const auto& [calls, entrant] : alone) runs.push_back([&calls = calls] { calls.Run(); });

  const bool wants_clock = problem.operation().rate == ops::Rate::kBytes;
  double clock_hz = 0;
  const InsistOnHelp all_threads;
  const std::vector<Timing> timings = TimeInTurn(
      runs,
      [&] {
        for (auto& [key, probe] : probes) probe.Sample();
        if (wants_clock) clock_hz = std::max(clock_hz, runtime::MeasureClockHz());
      },
      options.turns);

  for (size_t t = 0; t < timed.size(); ++t) {
    const BenchEntrant& entrant = entrants[timed[t]];
    const std::pair key(entrant.conditions.isa, entrant.conditions.threads);
    BenchResult& result = results[timed[t]];
    const double error_before = result.max_error;
    result = Figures(timings[t].seconds, probes.at(key).limits());
    result.clock_hz = clock_hz;
    result.max_error = error_before;
    for (size_t a = 0; a < alone.size(); ++a) {
      if (alone[a].second != timed[t]) continue;
      result.kernel_seconds = runtime::Summarise(timings[timed.size() + a].seconds).min;
    }
    // Verify again after the many runs: a data race may not show in the first one.
    result.wrong = Verify(*entrant.plan, data, &result.max_error);
  }
  return results;
}

}  // namespace jitattn::lab
