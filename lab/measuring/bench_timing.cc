// Timing several things in turn.

#include "lab/measuring/bench_timing.h"

namespace jitattn::lab {
namespace {

// Longer runs have no untimed warm-up. Refilling the caches (32 MB at 30 GB/s: 1 ms) is at most a
// tenth of such a run, and its first pass over the data belongs to its time.
constexpr double kLongRunSeconds = 10e-3;

// Upper bound of a sample's runs. Doubling from one run also warms up the core clock, the caches
// and sleeping threads.
constexpr int64_t kMaxRuns = int64_t{1} << 24;

double TimeRuns(const std::function<void()>& run, int64_t times, const Clock& now) {
  const double start = now();
  for (int64_t i = 0; i < times; ++i) run();
  return (now() - start) / static_cast<double>(times);
}

int64_t RunsASample(const std::function<void()>& run, double min_sample_s, const Clock& now) {
  int64_t times = 1;
  while (times < kMaxRuns &&
         TimeRuns(run, times, now) * static_cast<double>(times) < min_sample_s) {
    times *= 2;
  }
  return times;
}

}  // namespace

std::vector<Timing> TimeInTurn(std::span<const std::function<void()>> runs,
                               const std::function<void()>& between, const TurnOptions& options,
                               const Clock& now) {
  const double deadline = now() + options.seconds;
  std::vector<Timing> timings(runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    timings[i].runs_a_sample = RunsASample(runs[i], options.min_sample_s, now);
  }
  for (int round = 0; round < options.rounds; ++round) {
    if (round >= kLeastRounds && now() >= deadline) break;
    if (between) between();
    for (size_t i = 0; i < runs.size(); ++i) {
      const size_t who = (i + static_cast<size_t>(round)) % runs.size();
      Timing& timing = timings[who];
      const bool is_long = !timing.seconds.empty() && timing.seconds.back() >= kLongRunSeconds;
      if (!is_long) runs[who]();
      timing.seconds.push_back(TimeRuns(runs[who], timing.runs_a_sample, now));
    }
  }
  return timings;
}

}  // namespace jitattn::lab
