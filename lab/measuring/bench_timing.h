// Timing several things in turn, so that what slows the machine for a while slows them all alike.

#ifndef JITATTN_LAB_MEASURING_BENCH_TIMING_H_
#define JITATTN_LAB_MEASURING_BENCH_TIMING_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace jitattn::lab {

using Clock = std::function<double()>;  // seconds, monotonic; tests script it

struct TurnOptions {
  // Minima of 31 interleaved samples of a kernel against itself lie within 0.1 % of each other on a
  // shared machine, those of 5 within 0.3 %.
  int rounds = 31;
  double seconds = 2;          // rounds end here too; kLeastRounds are made in any case
  double min_sample_s = 1e-3;  // a sample runs often enough to last this long
};
inline constexpr int kLeastRounds = 3;

struct Timing {
  std::vector<double> seconds;  // of one run, a sample a round
  int64_t runs_a_sample = 1;
};

// Times each of `runs` once a round, in an order that changes from round to round; `between` comes
// once a round, first, and may be empty. Before its sample each runs once untimed, to find the
// caches as it leaves them itself, except where a run is so long that this no longer matters.
std::vector<Timing> TimeInTurn(std::span<const std::function<void()>> runs,
                               const std::function<void()>& between, const TurnOptions& options,
                               const Clock& now = SteadyNow);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_TIMING_H_
