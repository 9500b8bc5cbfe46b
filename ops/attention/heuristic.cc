// The configurations of attention for problems that were not tuned.

#include <algorithm>
#include <bit>
#include <span>

#include "base/sizes.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/kv.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;
using Tiles = jit::TilesConfig;
using Rows = jit::RowsConfig;

// Operations a cycle of one core: two for each lane of a fused multiply-add.
double FlopsPerCycle(DType dtype, const Cpu& cpu) {
  if (cpu.isa == Isa::kPortable) return 2;
  return 2.0 * cpu.fma_units * Lanes(cpu.isa, dtype);
}

// Bytes a cycle that one core reads from memory.
constexpr double kBytesPerCycle = 8;

// Whether keys and values are converted: "tiles" copies them once for each call.
bool Converts(const P& p) { return SizeOf(p.dtype) == 2 || p.kv_type != jit::KvType::kOwn; }

// Whether the CPU multiplies pairs of bf16 (vdpbf16ps) and the problem can use it; tiles also for
// f32, if its products may be rounded.
bool HasPairs(const P& p, const Cpu& cpu) {
  return (p.dtype == DType::kBF16 || p.bf16_math) && p.kv_type == jit::KvType::kOwn &&
         cpu.isa == Isa::kAvx512 && cpu.avx512_bf16;
}

// Lower bound on the cycles of one core.
double Cycles(const P& p, const Cpu& cpu) {
  return std::max(Flops(p) / FlopsPerCycle(p.dtype, cpu), Bytes(p) / kBytesPerCycle);
}

// The shape of a tile of queries and of its register block. Each tiling below was the best, or
// within 2 % of the best, on its kind of problem among all combinations of some fifteen tilings and
// seven forms of P·V (lengths 16 … 1024, head sizes 16 … 1024, one thread of Zen 4).
struct Tiling {
  int q_vecs, kv_block;
  int qk_keys, qk_vecs, qk_embed;
};

// 24 accumulators, 4 vectors of queries, 1 broadcast: 29 of 32 registers. P·V loads and stores its
// output once for each block of keys, at the expense of multiply-adds. A long block does so rarely,
// and its scores still fit in the L2.
constexpr Tiling kAvx512Wide = {4, 512, 6, 4, 0};
// Half and quarter tiles compute less beyond the end or the diagonal and give more tasks to share
// among threads. Each key has so few accumulators that the FMA can broadcast from memory.
constexpr Tiling kAvx512Half = {2, 512, 4, 2, 1};
constexpr Tiling kAvx512Quarter = {1, 512, 14, 1, 1};
// 12 accumulators, 2 vectors of queries, 1 broadcast: 15 of 16 registers.
constexpr Tiling kAvx2Wide = {8, 128, 6, 2, 0};
constexpr Tiling kAvx2Half = {4, 128, 6, 2, 0};
constexpr Tiling kAvx2Quarter = {2, 256, 6, 2, 0};

void Apply(const Tiling& t, Tiles& c) {
  c.q_vecs = t.q_vecs;
  c.kv_block = t.kv_block;
  c.qk_keys = t.qk_keys;
  c.qk_vecs = t.qk_vecs;
  c.qk_embed = t.qk_embed;
}

// The scores of a quarter tile stay in the L1, which helps where exponentials matter: 0.5 % to 1.5
// % faster at head sizes 40 to 112 (lengths 256 to 4096). Keys and values are read four times as
// often; from beyond the L3 these reads would take twice as long as the computation.
bool FitsQuarterTiles(const P& p, const Cpu& cpu) {
  const int size = SizeOf(ComputeType(p.dtype));
  const int64_t bytes = p.kv_len * (p.head_dim + p.value_dim) * size;
  return size == 4 && !HasPairs(p, cpu) && p.head_dim > 32 && p.head_dim < 128 && p.q_len >= 256 &&
         bytes <= cpu.l3_bytes / 8;
}

void TileForAvx512(const P& p, const Cpu& cpu, Tiles& c) {
  // With short dot products the exponentials dominate.
  const bool f64 = p.dtype == DType::kF64;
  const bool half = p.head_dim <= 32 || (f64 && p.head_dim < 256);
  Apply(half ? kAvx512Half : FitsQuarterTiles(p, cpu) ? kAvx512Quarter : kAvx512Wide, c);
  c.pv_rows = 6;
  c.pv_vecs = 4;
  if (f64 && p.value_dim >= 256) {
    c.pv_rows = 8;
    c.pv_vecs = 3;
  }
}

void TileForAvx2(const P& p, Tiles& c) {
  const bool causal = p.mask == jit::Mask::kCausal;
  const bool f64 = p.dtype == DType::kF64;
  c.exp_vecs = 2;
  Apply(causal && !f64 && p.q_len > 128 ? kAvx2Wide : kAvx2Quarter, c);
  c.pv_rows = 6;
  c.pv_vecs = 2;
  if (p.q_len > 32 && !causal && (f64 || p.q_len > 128)) {
    // With 16 registers the natural form of P·V is bound by loads of V. The transposed form reuses
    // P, which a narrow tile keeps in the L1.
    c.pv = jit::PvForm::kTransposed;
  } else if ((p.q_len <= 32 || f64) && p.value_dim % (f64 ? 4 : 8) == 0) {
    // Also 12 accumulators. The mask of a tail would need a 17th register: hence no tail.
    c.pv_rows = 4;
    c.pv_vecs = 3;
  }
}

// Rows that share each load of a key. Twice as many would leave so few registers for their sums
// that every step loads more than it computes.
int64_t RowsAtOnce(DType dtype, Isa isa) {
  return std::min(Lanes(isa, dtype), isa == Isa::kAvx512 && dtype == DType::kF64 ? 4 : 8);
}

// Up to this many rows, columns in the lanes are faster than queries for any number of keys.
constexpr int64_t kFewRows = 16;
// Time of a multiply-add with columns in the lanes ÷ its time in a full tile of queries (head sizes
// 64 and 128, 512 to 8192 keys, one thread of Zen 4).
double ColumnsSlowdown(const P& p, const Cpu& cpu) {
  const bool avx512 = cpu.isa == Isa::kAvx512;
  // Tiles convert the keys and values for every head, which few queries do not amortise.
  const double converted = p.q_len <= Lanes(cpu.isa, p.dtype) ? 0.95 : 1.06;
  switch (p.dtype) {
    case DType::kF32:
      if (HasPairs(p, cpu)) return 1.9;
      if (Converts(p)) return converted;
      return avx512 ? 1.06 : 1.08;
    case DType::kF64:
      return avx512 ? 1.12 : 1.2;
    case DType::kBF16:
      if (HasPairs(p, cpu)) return 1.45;  // tiles multiply pairs in both products
      [[fallthrough]];
    case DType::kF16:
      return converted;
  }
  return 1;
}

// Keys for which a thread is worth its start and its part of the merging.
constexpr int64_t kLeastKeysOfThread = 512;

// Threads that have work, of "tiles" and of "rows". Only "rows" cuts the keys, so a few queries
// that are many rows (heads of a group handed over as queries) occupy all threads there only.
// Numbers that are less than twice as different count as equal, since tasks are uneven.
struct Occupied {
  Occupied(const P& p, const Cpu& cpu, int threads) {
    const int64_t least_tile = (cpu.isa == Isa::kAvx512 ? 1 : 2) * Lanes(cpu.isa, p.dtype);
    const auto of = [&](int64_t tasks) {
      return static_cast<double>(std::clamp<int64_t>(tasks, 1, threads));
    };
    tiles = of(SizeProduct({p.batch, p.heads, SizeRoundedUp(p.q_len, least_tile) / least_tile}));
    rows = of(SizeProduct({p.batch, p.kv_heads, 1 + p.kv_len / kLeastKeysOfThread}));
    if (rows < 2 * tiles) rows = tiles;
  }
  double tiles, rows;
};

// Whether a kv head has so few rows that the "rows" algorithm is faster. A tile of queries belongs
// to one head: Q·Kᵀ costs as much for one query as for a whole vector of them, P·V does not.
bool HasFewRows(const P& p, const Cpu& cpu, int threads) {
  const int64_t rows = RowsOfGroup(p);
  if (rows <= kFewRows) return true;
  if (p.kv_len < 4 * p.q_len) return false;
  const double padded = static_cast<double>(SizeRoundedUp(p.q_len, Lanes(cpu.isa, p.dtype)));
  const double tiles =
      static_cast<double>(rows / p.q_len) *
      (padded * static_cast<double>(p.head_dim) + static_cast<double>(p.q_len * p.value_dim));
  const int64_t columns =
      SizeRoundedUp(rows, RowsAtOnce(p.dtype, cpu.isa)) * (p.head_dim + p.value_dim);
  const Occupied occupied(p, cpu, threads);
  return static_cast<double>(columns) * ColumnsSlowdown(p, cpu) / occupied.rows <
         tiles / occupied.tiles;
}

// The largest value of a ladder that is at most `value`, else the lowest.
int Nearest(std::span<const int> ladder, double value) {
  const auto above = std::upper_bound(ladder.begin() + 1, ladder.end(), value);
  return *(above - 1);
}

// K and V are read once, in the order of their addresses, in alternating blocks of this size.
constexpr double kBlockBytes = 256 << 10;
// Prefetch distance: a few times the bytes that memory delivers within its latency.
constexpr double kAheadBytes = 16 << 10;
// Bytes of K and V for which a task is worth its start and its part of the merging. Tasks are
// smaller if several threads would have fewer than four each.
constexpr double kTaskBytes = 1 << 20;

// Prefetching values pays from this many columns on.
constexpr int kLongValues = 128;

// Shortens the block of keys while half of it holds all keys.
template <typename C>
void KeepToKeys(const P& p, C& c) {
  while (c.kv_block > 128 && c.kv_block / 2 >= p.kv_len) c.kv_block /= 2;
}

int ValueVecs(const P& p, const Tiles& c) {
  return static_cast<int>(SizeRoundedUp(p.value_dim, Lanes(c.isa, p.dtype)) /
                          Lanes(c.isa, p.dtype));
}

int64_t TilesOfAllHeads(const P& p, const Tiles& c) {
  const int64_t rows = int64_t{c.q_vecs} * Lanes(c.isa, p.dtype);
  return SizeProduct({p.batch, p.heads, SizeRoundedUp(p.q_len, rows) / rows});
}

// Makes tiles smaller if there are less than four tasks for each thread. With four, an uneven last
// task costs an eighth on average.
void KeepToThreads(const P& p, Tiles& c) {
  if (c.threads == 1) return;
  const bool avx512 = c.isa == Isa::kAvx512;
  for (const Tiling& smaller :
       {avx512 ? kAvx512Half : kAvx2Half, avx512 ? kAvx512Quarter : kAvx2Quarter}) {
    if (TilesOfAllHeads(p, c) < 4 * c.threads && smaller.q_vecs < c.q_vecs) Apply(smaller, c);
  }
  if (c.pv == jit::PvForm::kTransposed) c.pv_vecs = std::min(c.pv_vecs, c.q_vecs);
  c.threads = static_cast<int>(std::clamp<int64_t>(TilesOfAllHeads(p, c), 1, c.threads));
}

void ForConverted(const P& p, const Cpu& cpu, Tiles& c) {
  if (HasPairs(p, cpu)) {
    c.pv = jit::PvForm::kPairs;  // twice the products an instruction
    c.exp_vecs = 4;
    if (c.q_vecs == 4 && ValueVecs(p, c) >= 4) {
      // One vector of queries at a time, with P as the memory operand of the multiplication: 0.3 %
      // to 2.4 % faster than the blocks of f32 (lengths 128 to 2048, head sizes 64 to 256).
      c.qk_vecs = 1;
      c.pv_vecs = 2;
      c.pv_embed = 1;
    }
  }
}

// Keys and values that are converted, or collected from pages, are copied once for each task: a
// task takes several tiles as long as there remain enough tasks for the threads.
void TakeSeveralTiles(const P& p, Tiles& c) {
  const int64_t tiles = TilesOfAllHeads(p, c);
  while (c.threads > 1 && c.task_tiles < 8 && tiles / c.task_tiles >= 8 * c.threads) {
    c.task_tiles *= 2;
  }
}

}  // namespace

double AttentionFlopsPerCycle(const Problem& problem, const Cpu& cpu) {
  // Cycles() includes the time for reading: a problem bound by memory has fewer operations a cycle.
  return std::max(1.0, Flops(problem)) / std::max(1.0, Cycles(problem.As<P>(), cpu));
}

Config PortableAttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  return PortableAttentionConfig{.threads = WorthwhileThreads(problem, cpu, threads)};
}

Config RowsHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  const P& p = problem.As<P>();
  Rows c{.isa = cpu.isa, .threads = WorthwhileThreads(problem, cpu, threads)};
  const int lanes = Lanes(c.isa, p.dtype);
  const bool avx512 = c.isa == Isa::kAvx512;
  c.tile_rows = static_cast<int>(std::bit_ceil(
      static_cast<uint64_t>(std::clamp<int64_t>(RowsOfGroup(p), 1, RowsAtOnce(p.dtype, c.isa)))));
  c.qk_keys = c.tile_rows > 1 && c.tile_rows * 2 <= (avx512 ? 16 : 8)
                  ? std::min(2, lanes / c.tile_rows)
                  : 1;
  c.depth_vecs = 8;
  if (p.dtype == DType::kBF16 && HasPairs(p, cpu))
    c.pairs = 1;  // twice the products an instruction, and nothing to widen
  c.exp_vecs = avx512 ? 4 : 2;
  c.pv_rows = std::min(c.tile_rows, 4);
  c.pv_vecs = avx512 ? (c.pv_rows <= 2 ? 8 : 4) : c.pv_rows == 4 ? 2 : 4;
  c.pv_unroll = 4;
  const jit::KvRow key = KeyRow(p), value = ValueRow(p);
  // A scale for each key takes a register.
  if (!avx512 && key.scaled_in_blocks()) c.qk_keys = 1;
  const double row_bytes = std::max(key.bytes, value.bytes);
  const double bytes = 2 * row_bytes * static_cast<double>(p.batch * p.kv_heads * p.kv_len);
  const double task_bytes =
      c.threads == 1 ? kTaskBytes : std::min(kTaskBytes, bytes / (4 * c.threads));
  c.kv_block =
      Nearest(jit::RowsLadders::kKvBlock, std::min(kBlockBytes, task_bytes / 2) / row_bytes);
  KeepToKeys(p, c);
  c.prefetch = Nearest(jit::RowsLadders::kPrefetch, kAheadBytes / row_bytes);
  c.kv_split =
      Nearest(jit::RowsLadders::kKvSplit, std::max(1.0, task_bytes / (2 * row_bytes * c.kv_block)));
  return c;
}

Config TilesHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  const P& p = problem.As<P>();
  Tiles c{.isa = cpu.isa, .threads = WorthwhileThreads(problem, cpu, threads)};
  const bool avx512 = cpu.isa == Isa::kAvx512;
  // Scores are stored before their exponentials: nearly everywhere as fast as the fused form or
  // faster, half the code, and no slower if logits grow so that rescaling is frequent.
  c.fuse_exp = 0;
  avx512 ? TileForAvx512(p, cpu, c) : TileForAvx2(p, c);
  // With fewer value columns than the block has, the block gets more rows: otherwise there are too
  // few independent sums to hide the latency of the FMA.
  if (const int vecs = ValueVecs(p, c); c.pv == jit::PvForm::kNatural && vecs < c.pv_vecs) {
    c.pv_vecs = vecs;
    c.pv_rows = vecs == 3 ? 8 : avx512 || vecs == 1 ? 12 : 6;
  }
  KeepToThreads(p, c);
  if (avx512 && p.dtype == DType::kF32 && p.mask == jit::Mask::kNone && p.value_dim >= 1024 &&
      c.q_vecs >= c.pv_vecs) {
    // Rows of a register block of P·V lie at least 4 KiB apart. The transposed form reads one row
    // of V at a time, and its output stays in scratch: up to 1 % faster. The unroll gives 0.5 %.
    c.pv = jit::PvForm::kTransposed;
    c.pv_unroll = 4;
  }
  // Many keys and values come from beyond the L2. A short row of values ends before a prefetch
  // helps. (Prefetching to the L1 is no slower in itself, but rows a multiple of 2 KiB apart share
  // a few of its sets.)
  c.qk_ahead = 2;
  if (p.value_dim >= kLongValues) c.pv_ahead = 2;
  KeepToKeys(p, c);
  if (Converts(p) || HasPairs(p, cpu)) ForConverted(p, cpu, c);
  if (Converts(p) || HasPairs(p, cpu) || p.paged()) TakeSeveralTiles(p, c);
  return c;
}

Config AttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  if (cpu.isa == Isa::kPortable) return PortableAttentionHeuristic(problem, cpu, threads);
  const int worthwhile = WorthwhileThreads(problem, cpu, threads);
  return HasFewRows(problem.As<P>(), cpu, worthwhile) ? RowsHeuristic(problem, cpu, threads)
                                                      : TilesHeuristic(problem, cpu, threads);
}

}  // namespace jitattn::ops
