// The table of the "tiles" algorithm.

#include <algorithm>
#include <cmath>

#include "jit/attention/tiles_kernel.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/emitted.h"
#include "ops/attention/tiles_runner.h"
#include "ops/estimate_parts.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;
using C = jit::TilesConfig;
using L = jit::TilesLadders;

constexpr std::string_view kAheadWords[] = {"no", "l1", "l2"};
constexpr std::string_view kPvWords[] = {"natural", "transposed", "pairs"};

// The values that a search tries. The full ladders span billions of points. Fields that changed the
// time by 1 % or less wherever they were measured have coarser steps, since a hundred evaluations
// cannot resolve their effect.
constexpr int kQVecsSteps[] = {1, 2, 4, 6, 8}, kQVecsSmallSteps[] = {1, 2, 4, 8};
constexpr int kKvBlockSteps[] = {64, 128, 256, 512};
constexpr int kQkUnrollSteps[] = {1, 4}, kPvUnrollSteps[] = {2, 4}, kExpVecsSteps[] = {2, 4};
constexpr int kPrefetchSteps[] = {0}, kTaskTilesSteps[] = {1, 4}, kAheadSteps[] = {0, 2};
// The default (0: the first valid degree) and the two variants with a table.
constexpr int kExpDegreeSteps[] = {0, 3, 7};

// The rows of a single head are contiguous already, and those of pages are always copied.
void NarrowPack(const Problem& problem, const Cpu&, std::vector<int>& steps) {
  if (problem.As<P>().heads == 1 || problem.As<P>().paged()) steps = {0};
}

void NarrowPv(const Problem& problem, const Cpu&, std::vector<int>& steps) {
  const P& p = problem.As<P>();
  const bool has_pairs = p.kv_type == jit::KvType::kOwn && (p.dtype == DType::kBF16 || p.bf16_math);
  if (!has_pairs) std::erase(steps, static_cast<int>(jit::PvForm::kPairs));
}

// A tile that already holds every query gains nothing from being wider.
bool IsTileNeeded(const Problem& problem, const Config& config, const Config& base) {
  const int q_vecs = config.As<C>().q_vecs;
  const int64_t narrower = (q_vecs - 1) * Lanes(config.isa(), problem.dtype());
  return q_vecs == base.As<C>().q_vecs || q_vecs == 1 || narrower < problem.As<P>().q_len;
}

// Groups of vectors that do not divide the tile leave a narrow last group, which wastes registers.
bool DividesTile(const Problem&, const Config& config, const Config&) {
  const C& c = config.As<C>();
  return c.q_vecs % c.qk_vecs == 0;
}

bool ValuesDivideTile(const Problem&, const Config& config, const Config&) {
  const C& c = config.As<C>();
  return c.pv != jit::PvForm::kTransposed || c.q_vecs % c.pv_vecs == 0;
}

constexpr Field kFields[] = {
    IsaField<C>(),
    FieldOf<&C::q_vecs>({.name = "q_vecs",
                         .tag = "_q",
                         .help = "tile, in vectors of queries",
                         .values = L::kQVecs,
                         .is_log = true,
                         .steps = kQVecsSteps,
                         .worth_trying = IsTileNeeded,
                         .small_steps = kQVecsSmallSteps}),
    FieldOf<&C::kv_block>({.name = "kv_block",
                           .tag = "b",
                           .help = "keys whose scores are held at once",
                           .values = L::kKvBlock,
                           .is_log = true,
                           .steps = kKvBlockSteps,
                           .narrow = NarrowKvBlock}),
    FieldOf<&C::pack>({.name = "pack",
                       .tag = "k",
                       .help = "1: keys and values are first copied to contiguous rows",
                       .values = kNoYes,
                       .narrow = NarrowPack,
                       .minor = true,
                       .varied_alone = true,
                       .since = 3}),
    FieldOf<&C::qk_keys>({.name = "qk_keys",
                          .tag = "_s",
                          .help = "register block of Q·Kt: keys",
                          .values = L::kQkKeys,
                          .is_log = true,
                          .full_once_set = GetMember<&C::qk_embed>}),
    FieldOf<&C::qk_vecs>({.name = "qk_vecs",
                          .tag = "x",
                          .help = "register block of Q·Kt: vectors of queries",
                          .values = L::kQkVecs,
                          .worth_trying = DividesTile}),
    FieldOf<&C::qk_unroll>({.name = "qk_unroll",
                            .tag = "u",
                            .help = "steps of the head dimension an iteration",
                            .values = L::kQkUnroll,
                            .is_log = true,
                            .steps = kQkUnrollSteps,
                            .minor = true}),
    FieldOf<&C::qk_embed>({.name = "qk_embed",
                           .tag = "m",
                           .help = "1: the FMA broadcasts its key element",
                           .values = kNoYes,
                           .minor = true}),
    FieldOf<&C::qk_ahead>({.name = "qk_ahead",
                           .tag = "_a",
                           .help = "cache that the next register block's keys are fetched to",
                           .values = L::kAhead,
                           .labels = kAheadWords,
                           .steps = kAheadSteps,
                           .minor = true,
                           .varied_alone = true,
                           .since = 3}),
    FieldOf<&C::fuse_exp>({.name = "fuse_exp",
                           .tag = "_f",
                           .help = "1: exponentials on the accumulators",
                           .values = kNoYes}),
    FieldOf<&C::exp_vecs>({.name = "exp_vecs",
                           .tag = "e",
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
    FieldOf<&C::pv>(
        {.name = "pv",
         .tag = "_",
         .help = "P·V broadcasts P (natural), V (transposed), or pairs of bf16 of P (pairs; "
                 "Q·Kt then broadcasts pairs of K)",
         .values = L::kPv,
         .labels = kPvWords,
         .narrow = NarrowPv,
         .old_name = "pv_form"}),
    FieldOf<&C::pv_rows>({.name = "pv_rows",
                          .tag = "_r",
                          .help = "register block of P·V: broadcast operands",
                          .values = L::kPvRows,
                          .is_log = true,
                          .full_once_set = GetMember<&C::pv_embed>}),
    FieldOf<&C::pv_vecs>({.name = "pv_vecs",
                          .tag = "x",
                          .help = "register block of P·V: vectors",
                          .values = L::kPvVecs,
                          .worth_trying = ValuesDivideTile}),
    FieldOf<&C::pv_unroll>({.name = "pv_unroll",
                            .tag = "u",
                            .help = "keys an iteration",
                            .values = L::kPvUnroll,
                            .is_log = true,
                            .steps = kPvUnrollSteps,
                            .minor = true}),
    FieldOf<&C::pv_embed>({.name = "pv_embed",
                           .tag = "m",
                           .help = "1: the FMA broadcasts its operand",
                           .values = kNoYes,
                           .minor = true}),
    FieldOf<&C::pv_ahead>({.name = "pv_ahead",
                           .tag = "_a",
                           .help = "cache that the next value columns are fetched to",
                           .values = L::kAhead,
                           .labels = kAheadWords,
                           .steps = kAheadSteps,
                           .minor = true,
                           .varied_alone = true,
                           .since = 3}),
    FieldOf<&C::prefetch>({.name = "prefetch",
                           .tag = "_p",
                           .help = "rows of V fetched ahead, 0: none",
                           .values = L::kPrefetch,
                           .steps = kPrefetchSteps,
                           .minor = true}),
    FieldOf<&C::task_tiles>({.name = "task_tiles",
                             .tag = "",
                             .help = "query tiles a thread takes at a time",
                             .values = L::kTaskTiles,
                             .is_log = true,
                             .steps = kTaskTilesSteps,
                             .minor = true}),
    ThreadsField<C>(),
};

// Cost of a load from the L2 and from beyond, relative to one from the L1.
constexpr double kSecondLevelFactor = 1.8;
constexpr double kThirdLevelFactor = 4;

// The cost of a load, relative to one from the L1, with a working set of `bytes`.
double LoadFactor(double bytes, const Cpu& cpu) {
  // Streamed operands take the other half of the L1.
  if (bytes <= 0.5 * static_cast<double>(cpu.l1d_bytes)) return 1;
  if (bytes <= 0.75 * static_cast<double>(cpu.l2_bytes)) return kSecondLevelFactor;
  return kThirdLevelFactor;
}

double Estimate(const Problem& problem, const Config& config, const Cpu& cpu) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
  const double lanes = Lanes(c.isa, p.dtype);
  const double size = SizeOf(ComputeType(p.dtype));
  const double units = FmaUnits(c.isa, cpu);
  const double queries = c.q_vecs * lanes;
  // A multiplication of pairs replaces two.
  const double products = c.pv == jit::PvForm::kPairs ? 0.5 : 1;
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
                    std::ceil(keys / c.qk_keys) *
                    (products * head_dim * qk_step + c.qk_vecs * c.qk_keys);
  const double exp =
      kExpCycles * c.q_vecs * keys * (c.fuse_exp != 0 ? 0.9 : 1) * (1 + 0.1 / c.exp_vecs);
  // Natural: the lanes hold value columns, and V is loaded. Transposed: the lanes hold queries, and
  // P is loaded.
  const bool transposed = c.pv == jit::PvForm::kTransposed;
  const double streamed = keys * size * (transposed ? queries : value_dim);
  const double pv_step =
      BlockStep(c.pv_vecs, c.pv_rows, c.pv_embed != 0, units, LoadFactor(streamed, cpu)) +
      kLoopCycles / c.pv_unroll;
  const double columns = c.pv_vecs * lanes;
  const double blocks_across = std::ceil((transposed ? queries : value_dim) / columns);
  const double blocks_down = std::ceil((transposed ? value_dim : queries) / c.pv_rows);
  // Each block of keys loads the accumulators from the output and stores them back.
  const double pv =
      blocks_down * blocks_across * (products * keys * pv_step + 2.0 * c.pv_rows * c.pv_vecs);
  // The maximum, the decision whether to rescale, and an occasional rescaling.
  const double bookkeeping = c.q_vecs * (keys + 30) + 40;

  const double kv_len = static_cast<double>(p.kv_len);
  double blocks = kv_len / keys;
  if (p.mask == jit::Mask::kCausal && p.q_len > 1) {
    // A tile computes whole blocks up to its last query: on average half of the square, plus half a
    // tile and half a block beyond the diagonal.
    const double seen = 0.5 * (kv_len + std::max(0.0, kv_len - static_cast<double>(p.q_len)));
    blocks = (seen + 0.5 * (queries + keys)) / keys;
  }
  const double tile =
      std::max(1.0, blocks) * (qk + exp + pv + bookkeeping) + 4 * c.q_vecs * head_dim;  // packing Q

  // The last round of tasks may leave threads without work.
  const double heads = static_cast<double>(p.batch * p.heads);
  const double tiles = std::ceil(static_cast<double>(p.q_len) / queries);
  const double tasks = heads * std::ceil(tiles / c.task_tiles);
  const double threads = std::min<double>(c.threads, std::max(1.0, tasks));
  const double idle = RoundUpTo(tasks, threads) / tasks;
  return heads * tiles * tile / threads * idle + (threads > 1 ? kForkJoinCycles : 0) +
         20 * tasks / threads;
}

std::unique_ptr<Runner> MakeRunner(const Problem& problem, const Config& config,
                                   std::shared_ptr<const jit::Kernel> kernel, int threads,
                                   double worthwhile) {
  const C& c = config.As<C>();
  const int64_t task_rows = int64_t{c.task_tiles} * c.q_vecs * Lanes(c.isa, problem.dtype());
  return MakeTilesRunner(problem.As<P>(), task_rows, std::move(kernel), threads, worthwhile);
}

}  // namespace

const Algorithm kTiles = {
    .name = "tiles",
    .fields = kFields,
    .blank = [] { return Config(C{}); },
    .validate = ValidateBy<C, jit::ValidateTiles>,
    .canonical = CanonicalBy<C, jit::CanonicalTiles>,
    .heuristic = TilesHeuristic,
    .estimate = Estimate,
    .compile = CompileBy<C, jit::EmitTiles, jit::TilesScratch>,
    .make_runner = MakeRunner,
    .block = [](const Config& config) { return config.As<C>().kv_block; },
    .padded_flops =
        [](const Problem& problem, const Config& config) {
          const int lanes = Lanes(config.isa(), problem.dtype());
          const bool transposed = config.As<C>().pv == jit::PvForm::kTransposed;
          return PaddedFlops(problem.As<P>(), {LaneAxis::kQueries, lanes},
                             {transposed ? LaneAxis::kQueries : LaneAxis::kColumns, lanes});
        },
    .rereads =
        [](const Problem& problem, const Config& config) {
          const P& p = problem.As<P>();
          return TileRereads(p, config.As<C>().q_vecs * Lanes(config.isa(), p.dtype));
        },
    .call_bytes = sizeof(jit::AttentionArgs),
};

}  // namespace jitattn::ops
