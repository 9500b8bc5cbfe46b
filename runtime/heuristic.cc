// The configuration used where nothing was tuned.

#include "runtime/heuristic.h"

#include <algorithm>
#include <variant>

namespace jitattn::runtime {
namespace {

using jit::AttentionConfig;
using jit::AttentionProblem;
using jit::Cpu;
using jit::Isa;
using jit::SigmoidMulConfig;
using jit::SigmoidMulProblem;

// Cycles of work that pay for waking a thread: joining costs about 2 thousand cycles where OpenMP's
// threads spin and 130 thousand where they sleep. Between the two: a caller who runs many small
// problems in a row finds them spinning.
constexpr double kWorthwhileCycles = 40e3;

// Of one core: two operations a lane of a fused multiply-add.
double FlopsPerCycle(jit::DType dtype, const Cpu& cpu) {
  if (cpu.isa == Isa::kPortable) return 2;
  return 2.0 * cpu.fma_units * jit::VecBytes(cpu.isa) / jit::SizeOf(dtype);
}

int Threads(const jit::Problem& problem, const Cpu& cpu, int threads) {
  return static_cast<int>(
      std::clamp<double>(jit::Flops(problem) / WorthwhileFlops(problem, cpu), 1, threads));
}

AttentionConfig Attention(const AttentionProblem& p, const Cpu& cpu, int threads) {
  const int lanes = jit::VecBytes(cpu.isa) / jit::SizeOf(p.dtype);
  const int value_vecs = static_cast<int>((p.value_dim + lanes - 1) / lanes);
  AttentionConfig c;
  c.isa = cpu.isa;
  c.threads = Threads(p, cpu, threads);
  if (cpu.isa == Isa::kAvx512) {
    // 24 accumulators, 4 vectors, 1 broadcast: 29 of 32 registers in both products.
    c.q_vecs = c.qk_vecs = c.pv_vecs = 4;
    c.qk_keys = c.pv_rows = 6;
  } else {
    // 12 accumulators, 2 vectors, 1 broadcast: 15 of 16 registers in both products.
    c.q_vecs = 8;
    c.qk_vecs = c.pv_vecs = 2;
    c.qk_keys = c.pv_rows = 6;
    c.exp_vecs = 2;
  }
  c.pv_vecs = std::min(c.pv_vecs, value_vecs);
  return c;
}

SigmoidMulConfig SigmoidMul(const SigmoidMulProblem& p, const Cpu& cpu, int threads) {
  SigmoidMulConfig c;
  c.isa = cpu.isa;
  c.threads = Threads(p, cpu, threads);
  c.vecs = cpu.isa == Isa::kAvx512 ? 4 : 2;
  // Stores past the caches save reading the lines that are overwritten; they hurt where the output
  // would have stayed in the cache for its reader.
  c.non_temporal = jit::Bytes(p) > static_cast<double>(cpu.l3_bytes);
  return c;
}

}  // namespace

jit::Config DefaultConfig(const jit::Problem& problem, const Cpu& cpu, int threads) {
  const auto* attention = std::get_if<AttentionProblem>(&problem);
  const jit::Config config =
      attention != nullptr
          ? jit::Config(Attention(*attention, cpu, threads))
          : jit::Config(SigmoidMul(std::get<SigmoidMulProblem>(problem), cpu, threads));
  return jit::Canonical(config, jit::SpecOf(problem));
}

double WorthwhileFlops(const jit::Problem& problem, const Cpu& cpu) {
  if (const auto* p = std::get_if<AttentionProblem>(&problem)) {
    return kWorthwhileCycles * FlopsPerCycle(p->dtype, cpu);
  }
  // 16 floats take about 12 cycles by AVX-512; Flops() counts 4 an element.
  return kWorthwhileCycles * 4 * 16 / 12;
}

}  // namespace jitattn::runtime
