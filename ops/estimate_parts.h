// What estimates of cost share, and the ladders of searches.

#ifndef JITATTN_OPS_ESTIMATE_PARTS_H_
#define JITATTN_OPS_ESTIMATE_PARTS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/cpu.h"

namespace jitattn::ops {

// Of an add or a multiply-add on every CPU with AVX2 since 2015, one cycle more or less.
inline constexpr double kFmaLatency = 4;
// Loads a cycle: two, on all of them.
inline constexpr double kLoadsPerCycle = 2;
// Instructions that a loop's counter and branch amount to.
inline constexpr double kLoopCycles = 1;
// An exponential of one vector inside the kernel: 5.9 were measured on Zen 4.
inline constexpr double kExpCycles = 6;
// Threads that spin are joined in 0.6 µs.
inline constexpr double kForkJoinCycles = 2000;

inline double RoundUpTo(double value, double step) { return std::ceil(value / step) * step; }

// Cycles a step of a register block: `vecs` vectors loaded, `scalars` broadcast, their products
// added to vecs · scalars accumulators. Embedded, a broadcast is loaded anew by each of its uses.
inline double BlockStep(double vecs, double scalars, bool embedded, double fma_units,
                        double load_factor) {
  const double fma = vecs * scalars;
  const double loads = vecs * load_factor + (embedded ? fma : scalars);
  // Too few accumulators wait for each other.
  return std::max({fma / fma_units, loads / kLoadsPerCycle, kFmaLatency});
}

// Narrower vectors than the CPU's widest are issued at least as often.
inline double FmaUnits(Isa isa, const Cpu& cpu) {
  return isa == cpu.isa ? cpu.fma_units : std::max(2, cpu.fma_units);
}

// Of a ladder: the values up to the first that holds `length`.
inline void DropBeyond(int64_t length, std::vector<int>& values) {
  const auto enough =
      std::find_if(values.begin(), values.end(), [&](int value) { return value >= length; });
  if (enough != values.end()) values.erase(enough + 1, values.end());
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ESTIMATE_PARTS_H_
