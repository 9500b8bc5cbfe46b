// Constants and formulas common to the algorithms' estimates of cost.

#ifndef JITATTN_OPS_ESTIMATE_PARTS_H_
#define JITATTN_OPS_ESTIMATE_PARTS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/cpu.h"

namespace jitattn::ops {

// Latency of an add or a multiply-add in cycles: 4 ± 1 on every CPU with AVX2 since 2015.
inline constexpr double kFmaLatency = 4;
// All of these CPUs load two vectors a cycle.
inline constexpr double kLoadsPerCycle = 2;
// The overhead of a loop's counter and branch.
inline constexpr double kLoopCycles = 1;
// An exponential of one vector inside the kernel: measured 5.9 cycles on Zen 4.
inline constexpr double kExpCycles = 6;
// Fork and join take 0.6 µs if the threads spin.
inline constexpr double kForkJoinCycles = 2000;

inline double RoundUpTo(double value, double step) { return std::ceil(value / step) * step; }

// Cycles for one step of a register block, which loads `vecs` vectors, broadcasts `scalars`
// elements and adds their products to vecs · scalars accumulators. With `embedded` broadcasts every
// multiply-add loads its element itself. `load_factor`: the cost of a vector load relative to one
// from the L1.
inline double BlockStep(double vecs, double scalars, bool embedded, double fma_units,
                        double load_factor) {
  const double fma = vecs * scalars;
  const double loads = vecs * load_factor + (embedded ? fma : scalars);
  // With too few accumulators the latency of the multiply-adds is the limit.
  return std::max({fma / fma_units, loads / kLoadsPerCycle, kFmaLatency});
}

// FMA units for vectors of `isa`. Vectors narrower than the CPU's widest have at least as many.
inline double FmaUnits(Isa isa, const Cpu& cpu) {
  return isa == cpu.isa ? cpu.fma_units : std::max(2, cpu.fma_units);
}

// Removes the values of an ascending ladder beyond the first that is at least `length`.
inline void DropBeyond(int64_t length, std::vector<int>& values) {
  const auto enough =
      std::find_if(values.begin(), values.end(), [&](int value) { return value >= length; });
  if (enough != values.end()) values.erase(enough + 1, values.end());
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ESTIMATE_PARTS_H_
