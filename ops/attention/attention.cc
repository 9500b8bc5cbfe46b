// The tables of attention: the operation, its sizes and options.

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/sizes.h"
#include "jit/attention/band.h"
#include "jitattn/jitattn.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/arrays.h"
#include "ops/attention/checker.h"
#include "ops/attention/copies.h"
#include "ops/attention/kv.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;

constexpr int64_t kNoLimit = jit::Band::kFar;  // of a window

constexpr Dim kDims[] = {
    DimOf<&P::batch>({.name = "batch",
                      .tag = "b",
                      .flag = "--batch",
                      .help = "independent problems in one call (1)",
                      .role = Dim::Role::kAtMost,
                      .least = 1}),
    DimOf<&P::heads>({.name = "heads",
                      .tag = "h",
                      .flag = "--heads",
                      .help = "heads that the columns of --dim are split into (1)",
                      .role = Dim::Role::kExact,
                      .least = 1}),
    DimOf<&P::kv_heads>({.name = "kv_heads",
                         .tag = "g",
                         .flag = "--kv-heads",
                         .help = "heads of keys and values; must divide --heads (as --heads)",
                         .role = Dim::Role::kExact,
                         .least = 1}),
    DimOf<&P::q_len>({.name = "q_len",
                      .tag = ".q",
                      .flag = "--seq",
                      .help = "queries, and keys where --kv-seq is not given",
                      .role = Dim::Role::kAtMost,
                      .least = 0}),
    DimOf<&P::kv_len>({.name = "kv_len",
                       .tag = "k",
                       .flag = "--kv-seq",
                       .help = "keys and values (as --seq)",
                       .role = Dim::Role::kAtMost,
                       .least = 0}),
    DimOf<&P::head_dim>({.name = "head_dim",
                         .tag = "",
                         .flag = "--head-dim",
                         .help = "columns of a head of queries and keys",
                         .role = Dim::Role::kInCode,
                         .least = 1,
                         .most = kMaxHeadDim}),
    DimOf<&P::value_dim>({.name = "value_dim",
                          .tag = "",
                          .flag = "--value-dim",
                          .help = "columns of a head of values (as --head-dim)",
                          .role = Dim::Role::kInCode,
                          .least = 1,
                          .most = kMaxHeadDim}),
    DimOf<&P::window_left>({.name = "window_left",
                            .tag = ".wl",
                            .flag = "--window-left",
                            .help = "a query sees this many keys before its own, and no later ones",
                            .role = Dim::Role::kExact,
                            .least = 0,
                            .is_extra = true,
                            .most = kNoLimit}),
    DimOf<&P::window_right>({.name = "window_right",
                             .tag = ".wr",
                             .flag = "--window-right",
                             .help = "a query sees this many keys behind its own",
                             .role = Dim::Role::kExact,
                             .least = 0,
                             .is_extra = true,
                             .most = kNoLimit}),
    DimOf<&P::chunk>({.name = "chunk",
                      .tag = ".ch",
                      .flag = "--chunk",
                      .help = "with --causal: a query sees keys of its own chunk of this many only",
                      .role = Dim::Role::kExact,
                      .least = 0,
                      .is_extra = true,
                      .most = kNoLimit}),
    DimOf<&P::kv_scale_block>({.name = "kv_scale_block",
                               .tag = "",
                               .flag = "--kv-scale-block",
                               .help = "with --kv-type i8: columns that share a scale (all)",
                               .role = Dim::Role::kInCode,
                               .least = 0,
                               .is_extra = true,
                               .most = kMaxHeadDim}),
    DimOf<&P::page_size>({.name = "page_size",
                          .tag = ".ps",
                          .flag = "--page-size",
                          .help = "keys and values are pages of this many keys, in random order",
                          .role = Dim::Role::kExact,
                          .least = 0,
                          .is_extra = true,
                          .is_feature = true,
                          .most = kNoLimit}),
};
enum : size_t {
  kBatch,
  kHeads,
  kKvHeads,
  kQLen,
  kKvLen,
  kHeadDim,
  kValueDim,
  kWindowLeft,
  kWindowRight
};

constexpr std::string_view kMasks[] = {"none", "causal", "window"};
constexpr std::string_view kBiases[] = {"none", "f32", "own", "bool"};
constexpr std::string_view kNoYes[] = {"no", "yes"};
constexpr Option kOptions[] = {
    OptionOf<&P::mask>({.name = "mask",
                        .words = kMasks,
                        .flag = "--causal",
                        .help = "a query sees no later key; the last query sees them all"}),
    OptionOf<&P::bias>({.name = "bias",
                        .words = kBiases,
                        .flag = "--bias",
                        .help =
                            "a bias is added to the scores, of floats (f32) or of the operands' "
                            "type (own), or bytes hide keys (bool)",
                        .takes_word = true,
                        .is_extra = true}),
    OptionOf<&P::softcap>({.name = "softcap",
                           .words = kNoYes,
                           .flag = "--softcap",
                           .help = "scores are cap * tanh(score / cap)",
                           .is_extra = true}),
    OptionOf<&P::alibi>({.name = "alibi",
                         .words = kNoYes,
                         .flag = "--alibi",
                         .help = "slope * |key - query| is subtracted from a score",
                         .is_extra = true}),
    OptionOf<&P::sinks>({.name = "sinks",
                         .words = kNoYes,
                         .flag = "--sinks",
                         .help = "one more logit for each head takes part in the sum of weights",
                         .is_extra = true}),
    OptionOf<&P::lse>({.name = "lse",
                       .words = kNoYes,
                       .flag = "--lse",
                       .help = "the log-sum-exp of every row is a second result",
                       .is_extra = true}),
    OptionOf<&P::bf16_math>({.name = "bf16_math",
                             .words = kNoYes,
                             .flag = "--bf16-math",
                             .help = "f32: factors of products may be rounded to bf16",
                             .is_extra = true}),
    OptionOf<&P::kv_type>({.name = "kv_type",
                           .words = kKvTypes,
                           .flag = "--kv-type",
                           .help = "keys and values are of another type than the queries: f32, "
                                   "bf16, f16, i8 with scales, or ggml's q8_0",
                           .takes_word = true,
                           .is_extra = true}),
    OptionOf<&P::out_gate>({.name = "out_gate",
                            .words = kNoYes,
                            .flag = "--out-gate",
                            .help = "results are multiplied by the sigmoid of a gate",
                            .is_extra = true}),
};

constexpr const Algorithm* kAlgorithms[] = {&kTiles, &kRows, &kPortableAttention};

absl::StatusOr<Problem> FromFlags(const Problem& stated, std::span<const char> given,
                                  std::optional<int64_t> dim) {
  if (!dim && (!given[kQLen] || !given[kHeadDim])) {
    return absl::InvalidArgumentError("attention needs --dim, or --seq and --head-dim");
  }
  P p = stated.As<P>();
  if (!given[kKvHeads]) p.kv_heads = p.heads;
  if (!given[kQLen]) p.q_len = *dim;
  if (!given[kKvLen]) p.kv_len = p.q_len;
  if (!given[kHeadDim]) {
    if (*dim % p.heads != 0) {
      return absl::InvalidArgumentError(absl::StrCat("--heads ", p.heads, " does not divide --dim ",
                                                     *dim, ": ", *dim % p.heads,
                                                     " columns would be left over"));
    }
    p.head_dim = *dim / p.heads;
  }
  if (!given[kValueDim]) p.value_dim = p.head_dim;
  if (p.bias == jit::Bias::kOwn && p.dtype == DType::kF32) p.bias = jit::Bias::kF32;
  p.kv_type = NameKvType(p.kv_type, p.dtype);
  if (given[kWindowLeft] || given[kWindowRight]) {
    p.mask = jit::Mask::kWindow;
    if (!given[kWindowLeft]) p.window_left = kNoLimit;
  }
  return p;
}

bool IsOfDim(const Problem& problem, int64_t dim) {
  const P& p = problem.As<P>();
  return p.q_len == dim && p.kv_len == dim && p.heads * p.head_dim == dim;
}

absl::Status ValidateProblem(const Problem& problem) {
  const P& p = problem.As<P>();
  if (p.heads % p.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("heads ", p.heads, " is not a multiple of kv_heads ", p.kv_heads));
  }
  if (p.chunk != 0 && p.mask != jit::Mask::kCausal) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk ", p.chunk, ": only causal masks have chunks"));
  }
  if (p.bf16_math && p.dtype != DType::kF32) {
    return absl::InvalidArgumentError(absl::StrCat("bf16_math with ", std::string(Name(p.dtype)),
                                                   ": only products of f32 can be rounded"));
  }
  if (p.mask != jit::Mask::kWindow && (p.window_left != 0 || p.window_right != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("window ", p.window_left, " and ", p.window_right, ": the mask is no window"));
  }
  return ValidateKv(p);
}

// Number of pairs (position, key) with position < end under chunks: 1 for the first position of a
// chunk, one more for each position behind it.
double PairsOfChunks(int64_t chunk, int64_t end) {
  const auto triangle = [](int64_t n) {
    return static_cast<double>(n) * (static_cast<double>(n) + 1) / 2;
  };
  return static_cast<double>(end / chunk) * triangle(chunk) + triangle(end % chunk);
}

// Number of pairs (query, key) of one head that are not masked; the mask is aligned bottom-right.
double VisiblePairs(const P& p) {
  if (p.chunk == 0) return BandOf(p, p.kv_len - p.q_len).Pairs(p.q_len, p.kv_len);
  const int64_t before = std::max<int64_t>(p.kv_len - p.q_len, 0);
  return PairsOfChunks(p.chunk, p.kv_len) - PairsOfChunks(p.chunk, before);
}

// 2·(head_dim + value_dim) for each visible pair (query i, key j); under a causal mask these have
// j ≤ i + kv_len − q_len.
double FlopsOf(const Problem& problem) {
  const P& p = problem.As<P>();
  return 2.0 * static_cast<double>(p.head_dim + p.value_dim) * VisiblePairs(p) *
         static_cast<double>(p.batch) * static_cast<double>(p.heads);
}

// Number of keys that some query sees; the mask is aligned bottom-right.
int64_t SeenKeys(const P& p) {
  if (p.q_len == 0) return 0;
  const int64_t offset = p.kv_len - p.q_len;
  if (p.chunk != 0) return p.kv_len - std::max<int64_t>(offset, 0) / p.chunk * p.chunk;
  const jit::Band band = BandOf(p, offset).Clipped(p.q_len, p.kv_len);
  return band.Keys(p.q_len - 1, p.kv_len).end - band.Keys(0, p.kv_len).first;
}

double BytesOf(const Problem& problem) {
  const P& p = problem.As<P>();
  const double q_bytes =
      static_cast<double>(p.head_dim + p.value_dim) * SizeOf(p.dtype);  // and out
  const double q_rows = static_cast<double>(p.heads) * static_cast<double>(p.q_len);
  const double kv_rows = static_cast<double>(p.kv_heads) * static_cast<double>(SeenKeys(p));
  return static_cast<double>(p.batch) * (q_bytes * q_rows + KvBytes(p) * kv_rows);
}

std::string NameOfBias(const P& p) { return std::string(kBiases[static_cast<size_t>(p.bias)]); }

std::string DescribeProblem(const Problem& problem) {
  const P& p = problem.As<P>();
  std::string line = absl::StrCat("attention ", std::string(Name(p.dtype)), " ", p.batch, "×",
                                  p.heads, p.heads == 1 ? " head" : " heads");
  if (p.kv_heads != p.heads) absl::StrAppend(&line, " (", p.kv_heads, " kv)");
  absl::StrAppend(&line, ", ", p.q_len, "×", p.kv_len, ", head size ", p.head_dim);
  if (p.value_dim != p.head_dim) absl::StrAppend(&line, ", value size ", p.value_dim);
  if (p.mask == jit::Mask::kCausal) absl::StrAppend(&line, ", causal");
  if (p.mask == jit::Mask::kWindow) {
    const auto text = [](int64_t keys) {
      return keys == kNoLimit ? std::string("any") : absl::StrCat(keys);
    };
    absl::StrAppend(&line, ", window ", text(p.window_left), "+", text(p.window_right));
  }
  if (p.chunk != 0) absl::StrAppend(&line, ", chunks of ", p.chunk);
  if (p.paged()) absl::StrAppend(&line, ", pages of ", p.page_size);
  if (p.bias != jit::Bias::kNone) absl::StrAppend(&line, ", bias ", NameOfBias(p));
  if (p.kv_type != jit::KvType::kOwn) absl::StrAppend(&line, ", kv ", NameOfKv(p));
  for (const Option& option : kOptions) {
    const bool is_switch = option.words.data() == kNoYes;
    if (is_switch && option.get(problem) != 0)
      absl::StrAppend(&line, ", ", std::string(option.name));
  }
  return line;
}

std::string CodeName(const Problem& problem) {
  const P& p = problem.As<P>();
  std::string name = absl::StrCat("attn_", std::string(Name(p.dtype)), "_d", p.head_dim);
  if (p.value_dim != p.head_dim) absl::StrAppend(&name, "v", p.value_dim);
  if (p.mask == jit::Mask::kCausal) absl::StrAppend(&name, "_causal");
  if (p.mask == jit::Mask::kWindow) absl::StrAppend(&name, "_window");
  if (p.paged()) absl::StrAppend(&name, "_paged");
  if (p.bias != jit::Bias::kNone) absl::StrAppend(&name, "_bias", NameOfBias(p));
  if (p.kv_type != jit::KvType::kOwn) absl::StrAppend(&name, "_kv", NameOfKv(p));
  for (const Option& option : kOptions) {
    const bool is_switch = option.words.data() == kNoYes;
    if (is_switch && option.get(problem) != 0)
      absl::StrAppend(&name, "_", std::string(option.name));
  }
  return name;
}

Problem BucketOf(const Problem& problem) {
  P p = problem.As<P>();
  p.q_len = LengthBucket(p.q_len);
  p.kv_len = LengthBucket(p.kv_len);
  return p;
}

constexpr int64_t kLongPage = 16;

Problem RecordProblemOf(const Problem& problem) {
  P p = BucketOf(problem).As<P>();
  // The widths of a window become lengths: a query and its keys.
  for (int64_t P::*width : {&P::window_left, &P::window_right}) {
    if (p.*width > 0) p.*width = std::min(LengthBucket(p.*width + 1) - 1, kNoLimit);
  }
  p.chunk = LengthBucket(p.chunk);
  // In longer pages the place of a key costs nothing.
  p.page_size = std::min(LengthBucket(p.page_size), kLongPage);
  // These cost a few cycles a row: one configuration serves problems with and without them.
  p.sinks = p.lse = p.out_gate = false;
  return p;
}

// The lengths, and the numbers of heads in all batches.
std::array<double, 4> ExtentsOf(const Problem& problem) {
  const P& p = problem.As<P>();
  const auto positive = [](int64_t length) {
    return static_cast<double>(std::max<int64_t>(length, 1));
  };
  const auto batch = static_cast<double>(p.batch);
  return {positive(p.q_len), positive(p.kv_len), batch * static_cast<double>(p.heads),
          batch * static_cast<double>(p.kv_heads)};
}

// Three kinds of plans have fixed bits of their own: for one query, for a few, for many. Lengths
// are so long that no block of keys is cut short and no tile is narrow, which would be slow for
// many keys.
Problem FixedBitsProblemOf(const Problem& problem) {
  constexpr int64_t kFewQueries = 16, kTypicalOfFew = 4, kMany = 1024, kKeys = 65536;
  P p = problem.As<P>();
  p.batch = 1;
  p.q_len = p.q_len <= 1 ? 1 : p.q_len <= kFewQueries ? kTypicalOfFew : kMany;
  p.kv_len = kKeys;
  return p;
}

absl::Status CheckArgsOf(const Problem& problem, const void* run) {
  return CheckArgs(problem.As<P>(), *static_cast<const jitattn_attention_args*>(run));
}

std::unique_ptr<Checker> MakeCheckerOf(const Problem& problem, const void* args, double max_ops) {
  return MakeAttentionChecker(problem.As<P>(), *static_cast<const jitattn_attention_args*>(args),
                              max_ops);
}

std::vector<std::pair<std::string_view, int64_t>> FactsOf(const Problem& problem) {
  const P& p = problem.As<P>();
  std::vector<std::pair<std::string_view, int64_t>> facts = {{"group", p.heads / p.kv_heads}};
  if (p.q_len == p.kv_len) {
    facts.push_back({"length", p.q_len});
    if (p.batch * p.heads == 1 && p.q_len == p.head_dim) facts.push_back({"square", p.q_len});
  }
  return facts;
}

// Records before format 1.4 did not name the algorithm; `lanes` distinguished the emitted ones.
const Algorithm* AlgorithmOfOld(const std::function<std::string(std::string_view)>& word) {
  if (word("isa") == "none") return &kPortableAttention;
  const std::string lanes = word("lanes");
  if (lanes == "columns") return &kRows;
  return lanes.empty() || lanes == "queries" ? &kTiles : nullptr;
}

}  // namespace

double PaddedFlops(const AttentionProblem& p, LaneAxis of_qk, LaneAxis of_pv) {
  const auto products = [&](int64_t columns, LaneAxis lanes) {
    int64_t rows = p.q_len;
    int64_t& in_lanes = lanes.axis == LaneAxis::kQueries ? rows : columns;
    in_lanes = SizeRoundedUp(in_lanes, lanes.in_vector);
    return static_cast<double>(rows) * static_cast<double>(columns);
  };
  return 2.0 * static_cast<double>(p.batch * p.heads * p.kv_len) *
         (products(p.head_dim, of_qk) + products(p.value_dim, of_pv));
}

// The mask skips the same share of every reading, but the first one counts as whole, as in Bytes.
Rereads RereadsOf(const AttentionProblem& p, double tiles, int64_t keys) {
  const double pairs = static_cast<double>(p.q_len) * static_cast<double>(p.kv_len);
  const double seen = pairs > 0 ? VisiblePairs(p) / pairs : 0;
  const double row_bytes = KvBytes(p);
  const double head_bytes = static_cast<double>(p.kv_len) * row_bytes;
  return {.bytes = static_cast<double>(p.batch * p.kv_heads) * std::max(0.0, tiles * seen - 1) *
                   head_bytes,
          .set_bytes = static_cast<double>(std::min(keys, p.kv_len)) * row_bytes};
}

Rereads TileRereads(const AttentionProblem& p, int64_t queries) {
  const double tiles = std::ceil(static_cast<double>(p.q_len) / static_cast<double>(queries));
  return RereadsOf(p, tiles * static_cast<double>(p.heads / p.kv_heads), p.kv_len);
}

const Operation kAttention = {
    .name = "attention",
    .rate = Rate::kFlops,
    .dims = kDims,
    .options = kOptions,
    .algorithms = kAlgorithms,
    .blank = [] { return Problem(P{}); },
    .from_flags = FromFlags,
    .is_of_dim = IsOfDim,
    .validate = ValidateProblem,
    .needs_f16c = [](const Problem& problem) { return NeedsF16c(problem.As<P>()); },
    .flops = FlopsOf,
    .bytes = BytesOf,
    .describe = DescribeProblem,
    .code_name = CodeName,
    .bucket = BucketOf,
    .of_record = RecordProblemOf,
    .extents = ExtentsOf,
    .arrays = AttentionArrays,
    .has_layouts = true,
    .bind = BindAttention,
    .check_args = CheckArgsOf,
    .run = RunAttention,
    .make_checker = MakeCheckerOf,
    .heuristic = AttentionHeuristic,
    .of_fixed_bits = FixedBitsProblemOf,
    .flops_per_cycle = AttentionFlopsPerCycle,
    .facts = FactsOf,
    .algorithm_of_old = AlgorithmOfOld,
};

}  // namespace jitattn::ops
