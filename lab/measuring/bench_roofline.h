// The roofline of this machine (Williams, Waterman & Patterson 2009) and a problem's place under
// it: operations at the FMA rate, bytes at the rate of the cache level that they come from.

#ifndef JITATTN_LAB_MEASURING_BENCH_ROOFLINE_H_
#define JITATTN_LAB_MEASURING_BENCH_ROOFLINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cache/record.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "runtime/peak.h"

namespace jitattn::lab {

enum class Level : int { kL1 = 0, kL2 = 1, kL3 = 2, kMemory = 3 };
inline constexpr int kLevels = 4;
std::string_view Name(Level level);  // "L1", "L2", "L3", "DRAM"

// The innermost level that holds `bytes` spread evenly over `threads` cores.
Level LevelOf(double bytes, int threads, const Cpu& cpu);

// Flop/s and bytes/s over all threads; 0: not measured.
struct Roof {
  double fma = 0;
  std::array<double, kLevels> bandwidth = {};

  // Operations per byte at which the level's bandwidth just feeds the FMA units.
  double Ridge(Level level) const { return fma / bandwidth[static_cast<int>(level)]; }
};

// Measures the roof: the highest of `looks` samples of each probe, taken in turn. The bandwidth is
// of copying for sigmoid-mul and of reading for attention.
absl::StatusOr<Roof> MeasureRoof(ops::Rate rate, DType dtype, Isa isa, int threads, const Cpu& cpu,
                                 int looks);

// One run's demand on the machine.
//   operands  every input and output once, from the level that holds them all
//   again     K and V once more for each query tile but the first, from the level that holds one
//             head's K and V; 0 for sigmoid-mul
struct Demand {
  double flops = 0;
  double operand_bytes = 0, again_bytes = 0;
  Level operand_level = Level::kMemory, again_level = Level::kL1;

  double intensity() const { return flops / operand_bytes; }  // flop a byte
};
Demand DemandOf(const ops::Problem& problem, const ops::Config& config, ops::Buffers buffers,
                int threads, const Cpu& cpu);

// The binding limit: FMA, or a level's bandwidth. No run can be faster than `seconds`.
enum class Bound { kFma, kOperands, kAgain };
struct Binding {
  Bound bound = Bound::kFma;
  Level level = Level::kL1;  // of the traffic that binds
  double seconds = 0;
};
Binding BindingOf(const Demand& demand, const Roof& roof);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_ROOFLINE_H_
