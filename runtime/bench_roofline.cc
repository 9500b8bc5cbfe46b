// The roofline of this machine.

#include "runtime/bench_roofline.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace jitattn::runtime {
namespace {

// Half of a cache, so that it fits beside what else lives there; four times the last one for
// memory.
int64_t ProbeBytes(Level level, int threads, const jit::Cpu& cpu) {
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

// Queries whose lanes the kernel holds at once; the portable path works query by query.
double QueryTile(const jit::AttentionConfig& config, jit::DType dtype) {
  if (config.isa == jit::Isa::kPortable) return 1;
  if (config.lanes == jit::LaneAxis::kColumns) return config.q_vecs;
  return static_cast<double>(config.q_vecs) * jit::Lanes(config.isa, dtype);
}

// Pairs that the mask leaves out are neither computed nor read.
double VisibleShare(const jit::AttentionProblem& p) {
  jit::AttentionProblem dense = p;
  dense.mask = jit::Mask::kNone;
  const double all = jit::Flops(dense);
  return all > 0 ? jit::Flops(p) / all : 0;
}

}  // namespace

std::string_view Name(Level level) {
  constexpr std::string_view kNames[] = {"L1", "L2", "L3", "DRAM"};
  return kNames[static_cast<int>(level)];
}

Level LevelOf(double bytes, int threads, const jit::Cpu& cpu) {
  const double share = bytes / threads;
  if (share <= static_cast<double>(cpu.l1d_bytes)) return Level::kL1;
  if (share <= static_cast<double>(cpu.l2_bytes)) return Level::kL2;
  return bytes <= static_cast<double>(cpu.l3_bytes) ? Level::kL3 : Level::kMemory;
}

absl::StatusOr<Roof> MeasureRoof(jit::Op op, jit::DType dtype, jit::Isa isa, int threads,
                                 const jit::Cpu& cpu, int looks) {
  auto fma = MakeFmaProbe(dtype, isa, threads, cpu);
  if (!fma.ok()) return fma.status();
  const Traffic traffic = op == jit::Op::kAttention ? Traffic::kRead : Traffic::kCopy;
  std::array<std::unique_ptr<PeakProbe>, kLevels> levels;
  for (int i = 0; i < kLevels; ++i) {
    // A copy takes its buffer twice.
    const int64_t bytes =
        ProbeBytes(static_cast<Level>(i), threads, cpu) / (traffic == Traffic::kCopy ? 2 : 1);
    auto probe = MakeBandwidthProbe(traffic, bytes, isa, threads, cpu);
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

Demand DemandOf(const jit::Problem& problem, const jit::Config& config, cache::Buffers buffers,
                int threads, const jit::Cpu& cpu) {
  Demand demand{.flops = jit::Flops(problem), .operand_bytes = jit::Bytes(problem)};
  if (buffers == cache::Buffers::kHot) {
    demand.operand_level = LevelOf(demand.operand_bytes, threads, cpu);
  }
  if (const auto* p = std::get_if<jit::AttentionProblem>(&problem)) {
    const double head_bytes = static_cast<double>(p->kv_len) *
                              static_cast<double>(p->head_dim + p->value_dim) *
                              jit::SizeOf(p->dtype);
    const double tile = QueryTile(std::get<jit::AttentionConfig>(config), p->dtype);
    const double tiles =
        std::ceil(static_cast<double>(p->q_len) / tile) * static_cast<double>(p->batch * p->heads);
    const double once = static_cast<double>(p->batch * p->kv_heads);
    demand.again_bytes = std::max(0.0, tiles * VisibleShare(*p) - once) * head_bytes;
    demand.again_level = LevelOf(head_bytes, 1, cpu);
  }
  return demand;
}

Standing StandingOf(const Demand& demand, const Roof& roof) {
  const auto seconds = [&](double bytes, Level level) {
    return bytes / roof.bandwidth[static_cast<int>(level)];
  };
  const Standing all[] = {
      {Bound::kFma, Level::kL1, demand.flops / roof.fma},
      {Bound::kOperands, demand.operand_level, seconds(demand.operand_bytes, demand.operand_level)},
      {Bound::kAgain, demand.again_level, seconds(demand.again_bytes, demand.again_level)}};
  return *std::max_element(std::begin(all), std::end(all),
                           [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
}

}  // namespace jitattn::runtime
