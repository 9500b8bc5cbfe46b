// The roofline of this machine.

#include "lab/measuring/bench_roofline.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace jitattn::lab {
namespace {

// Working set of a level's probe: half of the cache, which leaves room for other data, or four
// times the last-level cache for memory.
int64_t ProbeBytes(Level level, int threads, const Cpu& cpu) {
  switch (level) {
    case Level::kL1:
      return cpu.l1d_bytes / 2 * threads;
    case Level::kL2:
      return cpu.l2_bytes / 2 * threads;
    case Level::kL3:
      return cpu.l3_bytes / 2;
    case Level::kMemory:
      break;
  }
  return cpu.l3_bytes * 4;
}

}  // namespace

std::string_view Name(Level level) {
  constexpr std::string_view kNames[] = {"L1", "L2", "L3", "DRAM"};
  return kNames[static_cast<int>(level)];
}

Level LevelOf(double bytes, int threads, const Cpu& cpu) {
  const double share = bytes / threads;
  if (share <= static_cast<double>(cpu.l1d_bytes)) return Level::kL1;
  if (share <= static_cast<double>(cpu.l2_bytes)) return Level::kL2;
  return bytes <= static_cast<double>(cpu.l3_bytes) ? Level::kL3 : Level::kMemory;
}

absl::StatusOr<Roof> MeasureRoof(ops::Rate rate, DType dtype, Isa isa, int threads, const Cpu& cpu,
                                 int looks) {
  auto fma = runtime::MakeFmaProbe(dtype, isa, threads, cpu);
  if (!fma.ok()) return fma.status();
  const runtime::Traffic traffic =
      rate == ops::Rate::kFlops ? runtime::Traffic::kRead : runtime::Traffic::kCopy;
  std::array<std::unique_ptr<runtime::PeakProbe>, kLevels> levels;
  for (int i = 0; i < kLevels; ++i) {
    // A copy's working set is two buffers, source and destination.
    const int64_t bytes = ProbeBytes(static_cast<Level>(i), threads, cpu) /
                          (traffic == runtime::Traffic::kCopy ? 2 : 1);
    auto probe = runtime::MakeBandwidthProbe(traffic, bytes, isa, threads, cpu);
    if (!probe.ok()) return probe.status();
    levels[i] = *std::move(probe);
  }
  for (int look = 0; look < looks; ++look) {
    (*fma)->Sample();
    for (const auto& level : levels) level->Sample();
  }
  Roof roof{.fma = (*fma)->best()};
  for (int i = 0; i < kLevels; ++i) roof.bandwidth[i] = levels[i]->best();
  return roof;
}

Demand DemandOf(const ops::Problem& problem, const ops::Config& config, ops::Buffers buffers,
                int threads, const Cpu& cpu) {
  Demand demand{.flops = ops::Flops(problem), .operand_bytes = ops::Bytes(problem)};
  if (buffers == ops::Buffers::kHot) {
    demand.operand_level = LevelOf(demand.operand_bytes, threads, cpu);
  }
  if (config.algorithm().rereads != nullptr) {
    const ops::Rereads rereads = config.algorithm().rereads(problem, config);
    demand.again_bytes = rereads.bytes;
    demand.again_level = LevelOf(rereads.set_bytes, 1, cpu);
  }
  return demand;
}

Binding BindingOf(const Demand& demand, const Roof& roof) {
  const auto seconds = [&](double bytes, Level level) {
    return bytes / roof.bandwidth[static_cast<int>(level)];
  };
  const Binding all[] = {
      {Bound::kFma, Level::kL1, demand.flops / roof.fma},
      {Bound::kOperands, demand.operand_level, seconds(demand.operand_bytes, demand.operand_level)},
      {Bound::kAgain, demand.again_level, seconds(demand.again_bytes, demand.again_level)}};
  return *std::max_element(std::begin(all), std::end(all),
                           [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
}

}  // namespace jitattn::lab
