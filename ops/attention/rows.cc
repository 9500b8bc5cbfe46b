// The table of the "rows" algorithm.

#include <algorithm>
#include <cmath>

#include "jit/attention/rows_kernel.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/emitted.h"
#include "ops/attention/kv.h"
#include "ops/attention/rows_runner.h"
#include "ops/estimate_parts.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;
using C = jit::RowsConfig;
using L = jit::RowsLadders;

// The values that a search tries. This kernel is bound by memory, so the size of blocks and the
// prefetch distance matter most.
constexpr int kKvBlockSteps[] = {64, 128, 256, 512}, kDepthVecsSteps[] = {8};
constexpr int kExpVecsSteps[] = {2}, kPvUnrollSteps[] = {4}, kExpDegreeSteps[] = {0};
constexpr int kPrefetchSteps[] = {0, 32, 64, 128, 256}, kKvSplitSteps[] = {0, 1, 2, 4, 8};

// A search does not try this algorithm for more rows.
constexpr int64_t kManyRows = 256;

// Keeps the tiles up to the first that holds all rows. Smaller tiles leave registers for more keys.
void NarrowTileRows(const Problem& problem, const Cpu&, std::vector<int>& steps) {
  const int64_t rows = RowsOfGroup(problem.As<P>());
  std::erase_if(steps, [rows](int value) { return value >= 2 * rows && value > rows; });
}

void NarrowPairs(const Problem& problem, const Cpu&, std::vector<int>& steps) {
  const bool own = problem.As<P>().kv_type == jit::KvType::kOwn;
  if (problem.dtype() != DType::kBF16 || !own) steps = {0};
}

constexpr Field kFields[] = {
    IsaField<C>(),
    FieldOf<&C::tile_rows>({.name = "tile_rows",
                            .tag = "_q",
                            .help = "query rows that use a key while it is in registers",
                            .values = L::kTileRows,
                            .is_log = true,
                            .narrow = NarrowTileRows,
                            .old_name = "q_vecs"}),
    FieldOf<&C::kv_block>({.name = "kv_block",
                           .tag = "b",
                           .help = "keys whose scores are held at once",
                           .values = L::kKvBlock,
                           .is_log = true,
                           .steps = kKvBlockSteps,
                           .narrow = NarrowKvBlock}),
    FieldOf<&C::qk_keys>({.name = "qk_keys",
                          .tag = "_s",
                          .help = "keys that a step of Q·Kt takes",
                          .values = L::kQkKeys,
                          .is_log = true}),
    FieldOf<&C::depth_vecs>({.name = "depth_vecs",
                             .tag = "u",
                             .help = "vectors of the head dimension an iteration",
                             .values = L::kDepthVecs,
                             .is_log = true,
                             .steps = kDepthVecsSteps,
                             .minor = true,
                             .old_name = "qk_unroll"}),
    FieldOf<&C::exp_vecs>({.name = "exp_vecs",
                           .tag = "_e",
                           .help = "exponentials in flight",
                           .values = L::kExpVecs,
                           .steps = kExpVecsSteps,
                           .minor = true}),
    FieldOf<&C::exp_degree>({.name = "exp_degree",
                             .tag = "d",
                             .help = "degree of the exponential's polynomial",
                             .values = L::kExpDegree,
                             .labels = kDegreeWords,
                             .steps = kExpDegreeSteps,
                             .minor = true,
                             .varied_alone = true,
                             .since = 3}),
    FieldOf<&C::pairs>({.name = "pairs",
                        .tag = "_o",
                        .help = "1: Q·Kt multiplies pairs of bf16",
                        .values = kNoYes,
                        .narrow = NarrowPairs,
                        .old_name = "pv_form",
                        .old_value = [](int old) { return old == 2 ? 1 : 0; }}),
    FieldOf<&C::pv_rows>({.name = "pv_rows",
                          .tag = "r",
                          .help = "register block of P·V: rows",
                          .values = L::kPvRows,
                          .is_log = true}),
    FieldOf<&C::pv_vecs>({.name = "pv_vecs",
                          .tag = "x",
                          .help = "register block of P·V: vectors of value columns",
                          .values = L::kPvVecs}),
    FieldOf<&C::pv_unroll>({.name = "pv_unroll",
                            .tag = "u",
                            .help = "keys an iteration",
                            .values = L::kPvUnroll,
                            .is_log = true,
                            .steps = kPvUnrollSteps,
                            .minor = true}),
    FieldOf<&C::prefetch>({.name = "prefetch",
                           .tag = "_p",
                           .help = "rows of K and V fetched ahead, 0: none",
                           .values = L::kPrefetch,
                           .steps = kPrefetchSteps,
                           .minor = true}),
    FieldOf<&C::kv_split>({.name = "kv_split",
                           .tag = "",
                           .help = "blocks of keys a task, 0: all",
                           .values = L::kKvSplit,
                           .steps = kKvSplitSteps,
                           .minor = true,
                           .since = 1}),
    ThreadsField<C>(),
};

double Estimate(const Problem& problem, const Config& config, const Cpu& cpu) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
  const double lanes = Lanes(c.isa, p.dtype);
  const double units = FmaUnits(c.isa, cpu);
  const double rows = c.tile_rows;
  const double key_vecs = std::ceil(static_cast<double>(p.head_dim) / lanes);
  const double value_vecs = std::ceil(static_cast<double>(p.value_dim) / lanes);
  // A step of Q·Kᵀ loads a vector of each key and row. Folding a sum's lanes costs some two
  // instructions, since the shuffles and additions are shared among several sums.
  const double dots =
      key_vecs / c.qk_keys * BlockStep(c.qk_keys, rows, false, units, 1) + 2 * rows + kLoopCycles;
  const double sums =
      value_vecs / c.pv_vecs * (rows / c.pv_rows) *
      (BlockStep(c.pv_vecs, c.pv_rows, false, units, 1) + kLoopCycles / c.pv_unroll);
  const double compute = dots + sums + kExpCycles * rows / lanes;

  const double row_bytes = KvBytes(p);
  const double kv_len = static_cast<double>(p.kv_len);
  const double heads = static_cast<double>(p.batch * p.kv_heads);
  const bool in_cache = heads * kv_len * row_bytes <= 0.8 * static_cast<double>(cpu.l3_bytes);
  // Without prefetch memory delivers less if there are several rows: the CPU's out-of-order window
  // is shorter than their computation.
  const double read = row_bytes / (in_cache ? 25 : 8) * (c.prefetch == 0 && rows > 1 ? 1.5 : 1);
  const double tiles =
      std::ceil(static_cast<double>(p.q_len) * static_cast<double>(p.heads / p.kv_heads) / rows);
  const double again = (tiles - 1) * std::max(compute, row_bytes / 32);  // a block stays in the L2
  const double head = kv_len * (std::max(compute, read) + again) + 200 * kv_len / c.kv_block;

  const double split = c.kv_split == 0 ? kv_len : 1.0 * c.kv_split * c.kv_block;
  const double tasks = heads * std::max(1.0, std::ceil(kv_len / std::max(1.0, split)));
  const double threads = std::min<double>(c.threads, tasks);
  const double idle = RoundUpTo(tasks, threads) / tasks;
  return heads * head / threads * idle + (threads > 1 ? kForkJoinCycles : 0) +
         500 * tasks * tiles / threads;
}

// All tiles of a kv head's rows (queries × grouped heads) read one block of keys and values before
// any of them reads the next block.
Rereads RowsRereads(const Problem& problem, const Config& config) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
  const double tiles = std::ceil(static_cast<double>(RowsOfGroup(p)) / c.tile_rows);
  return RereadsOf(p, tiles, c.kv_block);
}

std::unique_ptr<Runner> MakeRunner(const Problem& problem, const Config& config,
                                   std::shared_ptr<const jit::Kernel> kernel, int threads,
                                   double worthwhile) {
  return MakeRowsRunner(problem.As<P>(), config.As<C>(), std::move(kernel), threads, worthwhile);
}

}  // namespace

const Algorithm kRows = {
    .name = "rows",
    .fields = kFields,
    .blank = [] { return Config(C{}); },
    .validate = ValidateBy<C, jit::ValidateRows>,
    .canonical = CanonicalBy<C, jit::CanonicalRows>,
    .heuristic = RowsHeuristic,
    .estimate = Estimate,
    .worth_searching = [](const Problem& problem,
                          const Cpu&) { return RowsOfGroup(problem.As<P>()) <= kManyRows; },
    .compile = CompileBy<C, jit::EmitRows, jit::RowsScratch>,
    .make_runner = MakeRunner,
    .block = [](const Config& config) { return config.As<C>().kv_block; },
    .padded_flops =
        [](const Problem& problem, const Config& config) {
          const int lanes = Lanes(config.isa(), problem.dtype());
          const int in_qk = config.As<C>().pairs != 0 ? 2 * lanes : lanes;
          return PaddedFlops(problem.As<P>(), {LaneAxis::kColumns, in_qk},
                             {LaneAxis::kColumns, lanes});
        },
    .rereads = RowsRereads,
    .call_bytes = sizeof(jit::AttentionArgs),
};

}  // namespace jitattn::ops
