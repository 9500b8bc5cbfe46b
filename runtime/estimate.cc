// A cheap guess at what a configuration costs.

#include "runtime/estimate.h"

#include <algorithm>
#include <cmath>

namespace jitattn::runtime {
namespace {

using jit::AttentionConfig;
using jit::AttentionProblem;

// Of an add or a multiply-add on every CPU with AVX2 since 2015, one cycle more or less.
constexpr double kFmaLatency = 4;
// Loads a cycle: two, on all of them.
constexpr double kLoadsPerCycle = 2;
// Instructions that a loop's counter and branch amount to.
constexpr double kLoopCycles = 1;
// An exponential of one vector inside the kernel (KERNELS: 5.9 measured on Zen 4).
constexpr double kExpCycles = 6;
// Lines from the second level arrive at about half the rate of loads from the first.
constexpr double kSecondLevelFactor = 1.8;
constexpr double kThirdLevelFactor = 4;
// Threads that spin are joined in 0.6 µs.
constexpr double kForkJoinCycles = 2000;

double RoundUp(double value, double step) { return std::ceil(value / step) * step; }

// Cycles a step of a register block: `vecs` vectors loaded, `scalars` broadcast, their products
// added to vecs · scalars accumulators. Embedded, a broadcast is loaded anew by each of its uses.
double BlockStep(double vecs, double scalars, bool embedded, double fma_units, double load_factor) {
  const double fma = vecs * scalars;
  const double loads = vecs * load_factor + (embedded ? fma : scalars);
  // Too few accumulators wait for each other.
  return std::max({fma / fma_units, loads / kLoadsPerCycle, kFmaLatency});
}

// How much slower loads are from where `bytes` of working set lie.
double LoadFactor(double bytes, const jit::Cpu& cpu) {
  // Half of the first level: the operands that stream past take the rest.
  if (bytes <= 0.5 * static_cast<double>(cpu.l1d_bytes)) return 1;
  if (bytes <= 0.75 * static_cast<double>(cpu.l2_bytes)) return kSecondLevelFactor;
  return kThirdLevelFactor;
}

double Attention(const AttentionProblem& p, const AttentionConfig& c, const jit::Cpu& cpu) {
  const double lanes = jit::Lanes(c.isa, p.dtype);
  const double size = jit::SizeOf(jit::ComputeType(p.dtype));
  // Narrower vectors than the CPU's widest are issued at least as often.
  const double units = c.isa == cpu.isa ? cpu.fma_units : std::max(2, cpu.fma_units);
  const double queries = c.q_vecs * lanes;
  const double head_dim = static_cast<double>(p.head_dim);
  const double value_dim = static_cast<double>(p.value_dim);

  // One tile of queries against one block of keys.
  const double keys =
      std::min<double>(c.kv_block, static_cast<double>(std::max<int64_t>(1, p.kv_len)));
  const double packed_q = queries * head_dim * size;
  const double qk_step =
      BlockStep(c.qk_vecs, c.qk_keys, c.qk_embed != 0, units, LoadFactor(packed_q, cpu)) +
      kLoopCycles / c.qk_unroll;
  const double qk = std::ceil(static_cast<double>(c.q_vecs) / c.qk_vecs) *
                    std::ceil(keys / c.qk_keys) * (head_dim * qk_step + c.qk_vecs * c.qk_keys);
  const double exp =
      kExpCycles * c.q_vecs * keys * (c.fuse_exp != 0 ? 0.9 : 1) * (1 + 0.1 / c.exp_vecs);
  // Form 0 has value columns in its lanes and loads V, form 1 has queries and loads P.
  const bool transposed = c.pv_form == 1;
  const double streamed = keys * size * (transposed ? queries : value_dim);
  const double pv_step =
      BlockStep(c.pv_vecs, c.pv_rows, c.pv_embed != 0, units, LoadFactor(streamed, cpu)) +
      kLoopCycles / c.pv_unroll;
  const double columns = c.pv_vecs * lanes;
  const double blocks_across = std::ceil((transposed ? queries : value_dim) / columns);
  const double blocks_down = std::ceil((transposed ? value_dim : queries) / c.pv_rows);
  // The accumulators come from the output and go back to it, once a block of keys.
  const double pv = blocks_down * blocks_across * (keys * pv_step + 2.0 * c.pv_rows * c.pv_vecs);
  // Maximum, tile decision, rescaling now and then.
  const double bookkeeping = c.q_vecs * (keys + 30) + 40;

  const double kv_len = static_cast<double>(p.kv_len);
  double blocks = kv_len / keys;
  if (p.mask == jit::Mask::kCausal && p.q_len > 1) {
    // A tile sees whole blocks up to its last query: half of the square and half a tile beyond.
    const double seen = 0.5 * (kv_len + std::max(0.0, kv_len - static_cast<double>(p.q_len)));
    blocks = (seen + 0.5 * (queries + keys)) / keys;
  }
  const double tile =
      std::max(1.0, blocks) * (qk + exp + pv + bookkeeping) + 4 * c.q_vecs * head_dim;  // packing Q

  // Tasks of task_tiles tiles; the last round of them may leave threads without work.
  const double heads = static_cast<double>(p.batch * p.heads);
  const double tiles = std::ceil(static_cast<double>(p.q_len) / queries);
  const double tasks = heads * std::ceil(tiles / c.task_tiles);
  const double threads = std::min<double>(c.threads, std::max(1.0, tasks));
  const double idle = RoundUp(tasks, threads) / tasks;
  return heads * tiles * tile / threads * idle + (threads > 1 ? kForkJoinCycles : 0) +
         20 * tasks / threads;
}

// Columns in the lanes: what computing a key takes, or reading it.
double Columns(const AttentionProblem& p, const AttentionConfig& c, const jit::Cpu& cpu) {
  const double size = jit::SizeOf(p.dtype), lanes = jit::Lanes(c.isa, p.dtype);
  const double units = c.isa == cpu.isa ? cpu.fma_units : std::max(2, cpu.fma_units);
  const double rows = c.q_vecs;
  const double key_vecs = std::ceil(static_cast<double>(p.head_dim) / lanes);
  const double value_vecs = std::ceil(static_cast<double>(p.value_dim) / lanes);
  // A step of Q·Kᵀ loads a vector of each key and row; each sum is folded by a share of its
  // lanes' shuffles and additions.
  const double dots =
      key_vecs / c.qk_keys * BlockStep(c.qk_keys, rows, false, units, 1) + 2 * rows + kLoopCycles;
  const double sums =
      value_vecs / c.pv_vecs * (rows / c.pv_rows) *
      (BlockStep(c.pv_vecs, c.pv_rows, false, units, 1) + kLoopCycles / c.pv_unroll);
  const double compute = dots + sums + kExpCycles * rows / lanes;

  const double row_bytes = static_cast<double>(p.head_dim + p.value_dim) * size;
  const double kv_len = static_cast<double>(p.kv_len);
  const double heads = static_cast<double>(p.batch * p.kv_heads);
  const bool in_cache = heads * kv_len * row_bytes <= 0.8 * static_cast<double>(cpu.l3_bytes);
  // Not fetched ahead, memory delivers less to many rows, which compute for longer than the CPU
  // looks ahead.
  const double read = row_bytes / (in_cache ? 25 : 8) * (c.prefetch == 0 && rows > 1 ? 1.5 : 1);
  const double tiles =
      std::ceil(static_cast<double>(p.q_len) * static_cast<double>(p.heads / p.kv_heads) / rows);
  const double again = (tiles - 1) * std::max(compute, row_bytes / 32);  // a block stays in the L2
  const double head = kv_len * (std::max(compute, read) + again) + 200 * kv_len / c.kv_block;

  const double split = c.kv_split == 0 ? kv_len : 1.0 * c.kv_split * c.kv_block;
  const double tasks = heads * std::max(1.0, std::ceil(kv_len / std::max(1.0, split)));
  const double threads = std::min<double>(c.threads, tasks);
  const double idle = RoundUp(tasks, threads) / tasks;
  return heads * head / threads * idle + (threads > 1 ? kForkJoinCycles : 0) +
         500 * tasks * tiles / threads;
}

double SigmoidMul(const jit::SigmoidMulProblem& p, const jit::SigmoidMulConfig& c,
                  const jit::Cpu& cpu) {
  const double bytes = jit::SizeOf(p.dtype);
  const double elements = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  const double group = c.vecs * c.unroll;
  // The polynomial, a division and the rest keep the units busy; few vectors in flight leave the
  // chain of some 60 cycles to wait for.
  const double lanes = jit::Lanes(c.isa, p.dtype);
  const double busy = (12.0 / cpu.fma_units) * (jit::VecBytes(c.isa) / lanes / 4) + 0.2 / group;
  const double waiting = 60.0 / c.vecs;
  const double vectors = elements / lanes;
  const double compute = vectors * std::max(busy, waiting) / c.threads;
  // From memory, at about 8 bytes a cycle for a core and twice that for all of them. Ordinary
  // stores read a line before they write it: three transfers instead of two.
  const double traffic = 2 * elements * bytes;
  const bool in_cache = traffic <= 0.8 * static_cast<double>(cpu.l3_bytes);
  double memory;
  if (in_cache) {
    memory = traffic / 25 / c.threads * (c.non_temporal != 0 ? 2 : 1);
  } else {
    memory = traffic / 8 / std::min(c.threads, 2) * (c.non_temporal != 0 ? 1 : 1.35) *
             (c.page_ahead != 0 ? 1 : 1.25);
  }
  return std::max(compute, memory) + (c.threads > 1 ? kForkJoinCycles : 0);
}

}  // namespace

double EstimateCycles(const jit::Problem& problem, const jit::Config& config, const jit::Cpu& cpu) {
  if (const auto* attention = std::get_if<AttentionConfig>(&config)) {
    const auto& p = std::get<AttentionProblem>(problem);
    return attention->lanes == jit::LaneAxis::kColumns ? Columns(p, *attention, cpu)
                                                       : Attention(p, *attention, cpu);
  }
  return SigmoidMul(std::get<jit::SigmoidMulProblem>(problem),
                    std::get<jit::SigmoidMulConfig>(config), cpu);
}

}  // namespace jitattn::runtime
