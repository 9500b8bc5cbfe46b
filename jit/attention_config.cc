// The tunables of the attention kernel.

#include "jit/attention_config.h"

#include <algorithm>
#include <bit>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jit/config_field.h"
#include "jit/emit_dots.h"
#include "jit/emit_exp.h"
#include "jit/emit_pack.h"
#include "jit/emit_row_softmax.h"
#include "jit/emit_scores.h"
#include "jit/emit_transposed_values.h"
#include "jit/emit_values.h"
#include "jit/emit_weighted_sum.h"

namespace jitattn::jit {
namespace {

using C = AttentionConfig;

constexpr int kQVecs[] = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr int kKvBlock[] = {32, 64, 96, 128, 192, 256, 384, 512};
constexpr int kQkKeys[] = {1, 2, 3, 4, 5, 6, 8, 12, 14};
constexpr int kBlockVecs[] = {1, 2, 3, 4, 6};
constexpr int kPvVecs[] = {1, 2, 3, 4, 6, 8};
constexpr int kQkUnroll[] = {1, 2, 4, 8, 16};
constexpr int kExpVecs[] = {1, 2, 3, 4, 6};
constexpr int kExpDegree[] = {0, 3, 4, 5, 7, 11};
constexpr int kPvForm[] = {0, 1, 2};
constexpr int kPvRows[] = {1, 2, 3, 4, 5, 6, 8, 12, 14};
constexpr int kPvUnroll[] = {1, 2, 4, 8};
constexpr int kPrefetch[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256};
constexpr int kMaxPrefetchOfV = 8;  // lanes are queries: rows that one address reaches
constexpr int kAhead[] = {0, 1, 2};
constexpr int kTaskTiles[] = {1, 2, 4, 8, 16};
constexpr int kKvSplit[] = {0, 1, 2, 4, 8, 16, 32};
constexpr int kLanes[] = {0, 1};
constexpr std::string_view kLanesLabels[] = {"queries", "columns"};

constexpr Field kFields[] = {
    FieldOf<&C::isa>("isa", "_", "instruction set", kIsaValues, kIsaLabels),
    FieldOf<&C::lanes>("lanes", "_", "what lies in the lanes of a vector", kLanes, kLanesLabels),
    FieldOf<&C::q_vecs>("q_vecs", "_q", "tile, vectors of queries (columns: rows)", kQVecs, {},
                        true),
    FieldOf<&C::kv_block>("kv_block", "b", "keys whose scores are held at once", kKvBlock, {},
                          true),
    FieldOf<&C::pack>("pack", "k", "1: keys and values are copied row to row first", kNoYes),
    FieldOf<&C::qk_keys>("qk_keys", "_s", "register block of Q·Kt: keys", kQkKeys, {}, true),
    FieldOf<&C::qk_vecs>("qk_vecs", "x", "register block of Q·Kt: vectors of queries", kBlockVecs),
    FieldOf<&C::qk_unroll>("qk_unroll", "u", "steps of the head dimension an iteration", kQkUnroll,
                           {}, true),
    FieldOf<&C::qk_embed>("qk_embed", "m", "1: the FMA broadcasts its key element", kNoYes),
    FieldOf<&C::qk_ahead>("qk_ahead", "a",
                          "the next register block's keys are fetched to 1: the L1, 2: the L2",
                          kAhead),
    FieldOf<&C::fuse_exp>("fuse_exp", "_f", "1: exponentials on the accumulators", kNoYes),
    FieldOf<&C::exp_vecs>("exp_vecs", "e", "exponentials in flight", kExpVecs),
    FieldOf<&C::exp_degree>("exp_degree", "d", "degree of the exponential's polynomial",
                            kExpDegree),
    FieldOf<&C::pv_form>("pv_form", "_o",
                         "P·V broadcasts 0: P, 1: V, 2: P in pairs of bf16, as Q·Kt does K "
                         "(columns: Q·Kt multiplies pairs)",
                         kPvForm),
    FieldOf<&C::pv_rows>("pv_rows", "r", "register block of P·V: broadcast operands", kPvRows, {},
                         true),
    FieldOf<&C::pv_vecs>("pv_vecs", "x", "register block of P·V: vectors", kPvVecs),
    FieldOf<&C::pv_unroll>("pv_unroll", "u", "keys an iteration", kPvUnroll, {}, true),
    FieldOf<&C::pv_embed>("pv_embed", "m", "1: the FMA broadcasts its operand", kNoYes),
    FieldOf<&C::pv_ahead>("pv_ahead", "a",
                          "the next value columns are fetched to 1: the L1, 2: the L2", kAhead),
    FieldOf<&C::prefetch>("prefetch", "_p", "rows of V (columns: and K) fetched ahead, 0: none",
                          kPrefetch),
    FieldOf<&C::task_tiles>("task_tiles", "", "query tiles a thread takes at a time", kTaskTiles,
                            {}, true),
    FieldOf<&C::kv_split>("kv_split", "", "columns: blocks of keys a task, 0: all", kKvSplit),
    FieldOf<&C::threads>("threads", "", "threads", kThreadValues, {}, true),
};

// Vectors that the value columns fill: a wider register block would not be used.
int ValueVecs(const C& config, const AttentionSpec& spec) {
  const int lanes = Lanes(config.isa, spec.dtype);
  return (spec.value_dim + lanes - 1) / lanes;
}

// The first value of the ladder that reaches `limit`: all above it emit the same code.
int CapAt(int value, int limit, std::span<const int> ladder) {
  const auto cap = std::lower_bound(ladder.begin(), ladder.end(), limit);
  return cap == ladder.end() ? value : std::min(value, *cap);
}

// Whether products of pairs of bf16 make sense; whether the CPU has them, Validate asks.
bool FitsPairs(const C& config, const AttentionSpec& spec) {
  return spec.dtype == DType::kBF16 && config.isa == Isa::kAvx512;
}

absl::Status CheckRegisters(const C& config, std::string_view what, int rows, int vecs,
                            int needed) {
  if (needed <= VecRegs(config.isa)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      std::string(what), " ", rows, " × ", vecs, " needs ", needed, " vector registers, ",
      std::string(Name(config.isa)), " has ", VecRegs(config.isa)));
}

absl::Status ValidatePairs(const C& config, const AttentionSpec& spec, const Cpu& cpu) {
  if (FitsPairs(config, spec) && cpu.avx512_bf16) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "pv_form 2 needs bf16 and avx512 with AVX-512 BF16; it is ", std::string(Name(spec.dtype)),
      " and ", std::string(Name(config.isa)), cpu.avx512_bf16 ? "" : " without"));
}

absl::Status ValidateColumns(const C& config, const AttentionSpec& spec) {
  const auto refuse = [](std::string_view field, int value, std::string_view rule, int number) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(field), " ", value, std::string(rule), number));
  };
  const int lanes = Lanes(config.isa, spec.dtype);
  if (!std::has_single_bit(static_cast<unsigned>(config.q_vecs)) || config.q_vecs > lanes) {
    return refuse("lanes columns: q_vecs", config.q_vecs, " is no power of two up to ", lanes);
  }
  const int keys = std::min(2, lanes / config.q_vecs);
  if (config.qk_keys > keys) {
    return refuse("lanes columns: qk_keys", config.qk_keys, " is above ", keys);
  }
  if (config.q_vecs % config.pv_rows != 0) {
    return refuse("lanes columns: pv_rows", config.pv_rows, " does not divide q_vecs ",
                  config.q_vecs);
  }
  absl::Status s = CheckRegisters(config, "lanes columns: qk_keys × q_vecs", config.qk_keys,
                                  config.q_vecs, EmitDots::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  s = CheckRegisters(config, "lanes columns: pv_rows × pv_vecs", config.pv_rows, config.pv_vecs,
                     EmitWeightedSum::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  if (const int needed = EmitRowSoftmax::VecsNeeded(config); needed > VecRegs(config.isa)) {
    return absl::InvalidArgumentError(
        absl::StrCat("exp_vecs ", config.exp_vecs, " needs ", needed, " vector registers, ",
                     std::string(Name(config.isa)), " has ", VecRegs(config.isa)));
  }
  return absl::OkStatus();
}

absl::Status ValidateDegree(const C& config, const AttentionSpec& spec) {
  if (config.exp_degree == 0) return absl::OkStatus();
  const std::span<const int> degrees = EmitExp::Degrees(config.isa, spec.dtype);
  if (std::find(degrees.begin(), degrees.end(), config.exp_degree) != degrees.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "exp_degree ", config.exp_degree, " is none of ", absl::StrJoin(degrees, ", "), ": it is ",
      std::string(Name(spec.dtype)), " and ", std::string(Name(config.isa))));
}

C CanonicalColumns(C config, const AttentionSpec& spec) {
  // What only the other kernel has.
  config.qk_vecs = 1;
  config.qk_embed = config.pv_embed = 0;
  if (config.pv_form != 2 || !FitsPairs(config, spec)) config.pv_form = 0;
  config.fuse_exp = config.pack = config.qk_ahead = config.pv_ahead = 0;
  config.task_tiles = 1;
  config.pv_vecs = CapAt(config.pv_vecs, ValueVecs(config, spec), kPvVecs);
  const int lanes = Lanes(config.isa, spec.dtype);
  const int depth = config.pv_form == 2 ? (spec.head_dim + 1) / 2 : spec.head_dim;
  config.qk_unroll = CapAt(config.qk_unroll, std::max(1, depth / lanes), kQkUnroll);
  return config;
}

}  // namespace

std::span<const Field> AttentionFields() { return kFields; }

absl::Status ValidateAttention(const C& config, const AttentionSpec& spec, const Cpu& cpu) {
  if (config.isa == Isa::kPortable) return absl::OkStatus();
  const std::string isa(Name(config.isa));
  if (absl::Status s = ValidateDegree(config, spec); !s.ok()) return s;
  if (config.pv_form == 2) {
    if (absl::Status s = ValidatePairs(config, spec, cpu); !s.ok()) return s;
  }
  if (config.lanes == LaneAxis::kColumns) return ValidateColumns(config, spec);
  if (config.qk_vecs > config.q_vecs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "qk_vecs ", config.qk_vecs, " is wider than the tile, q_vecs ", config.q_vecs));
  }
  if (config.pv_form == 1 && config.pv_vecs > config.q_vecs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pv_vecs ", config.pv_vecs, " is wider than the tile, q_vecs ", config.q_vecs));
  }
  if (config.pv_form == 2) {
    if (config.fuse_exp != 0 || config.exp_vecs % 2 != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("pv_form 2 needs fuse_exp 0 and an even exp_vecs, they are ",
                       config.fuse_exp, " and ", config.exp_vecs));
    }
  }
  if (config.prefetch > kMaxPrefetchOfV) {
    return absl::InvalidArgumentError(absl::StrCat("prefetch ", config.prefetch, " is above ",
                                                   kMaxPrefetchOfV, ", lanes are queries"));
  }
  if ((config.qk_embed || config.pv_embed) && config.isa != Isa::kAvx512) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.qk_embed ? "qk_embed" : "pv_embed", " 1 needs avx512, isa is ", isa));
  }
  absl::Status s = CheckRegisters(config, "qk_keys × qk_vecs", config.qk_keys, config.qk_vecs,
                                  EmitScores::VecsNeeded(config));
  if (!s.ok()) return s;
  s = CheckRegisters(config, "pv_rows × pv_vecs", config.pv_rows, config.pv_vecs,
                     config.pv_form == 1 ? EmitTransposedValues::VecsNeeded(config, spec)
                                         : EmitValues::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  const int stored = EmitSoftmax::StoredVecsNeeded(config);
  if (!config.fuse_exp && stored > VecRegs(config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("exp_vecs ", config.exp_vecs, " needs ", stored,
                                                   " vector registers, ", isa, " has ",
                                                   VecRegs(config.isa)));
  }
  return absl::OkStatus();
}

C CanonicalAttention(C config, const AttentionSpec& spec) {
  if (config.isa == Isa::kPortable) {
    return {.isa = Isa::kPortable, .task_tiles = config.task_tiles, .threads = config.threads};
  }
  if (config.exp_degree == 0) config.exp_degree = EmitExp::Degrees(config.isa, spec.dtype).front();
  if (config.lanes == LaneAxis::kColumns) return CanonicalColumns(config, spec);
  config.kv_split = 0;
  if (SizeOf(spec.dtype) == 2) config.pack = 0;  // copied in any case
  config.prefetch = std::min(config.prefetch, kMaxPrefetchOfV);
  if (config.isa != Isa::kAvx512) config.qk_embed = config.pv_embed = 0;
  // One vector wide, every broadcast has a single use and is part of its FMA anyway.
  if (config.qk_vecs == 1) config.qk_embed = 0;
  if (config.pv_form == 2 && !FitsPairs(config, spec)) config.pv_form = 0;
  if (config.pv_form != 1) {
    config.pv_vecs = CapAt(config.pv_vecs, ValueVecs(config, spec), kPvVecs);
  } else {
    config.pv_rows = CapAt(config.pv_rows, spec.value_dim, kPvRows);
  }
  if (config.pv_vecs == 1) config.pv_embed = 0;
  config.qk_unroll = CapAt(config.qk_unroll,
                           std::max(1, spec.head_dim / (config.pv_form == 2 ? 2 : 1)), kQkUnroll);
  return config;
}

}  // namespace jitattn::jit
