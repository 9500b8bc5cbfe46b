// Times several functions in turn, so that a slow phase of the machine slows all of them alike.

#ifndef JITATTN_LAB_MEASURING_BENCH_TIMING_H_
#define JITATTN_LAB_MEASURING_BENCH_TIMING_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace jitattn::lab {

using Clock = std::function<double()>;  // monotonic seconds; tests pass a scripted one

struct TurnOptions {
  // A kernel timed against itself on a shared machine: the minima of 31 interleaved samples lie
  // within 0.1 % of each other, the minima of 5 within 0.3 %.
  int rounds = 31;
  double seconds = 2;          // time limit; at least kLeastRounds rounds are made
  double min_sample_s = 1e-3;  // a sample repeats the run until it lasts this long
};
inline constexpr int kLeastRounds = 3;

struct Timing {
  std::vector<double> seconds;  // of one run; one sample per round
  int64_t runs_a_sample = 1;
};

// Times each of `runs` once per round, in an order that rotates from round to round. `between`, if
// not empty, is called at the start of each round. Before a sample, the run is executed once
// untimed, so that it finds the caches in the state in which it leaves them; runs of 10 ms or more
// skip this.
std::vector<Timing> TimeInTurn(std::span<const std::function<void()>> runs,
                               const std::function<void()>& between, const TurnOptions& options,
                               const Clock& now = SteadyNow);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_TIMING_H_
