// The tunables of the "tiles" kernel: validity, and the canonical form of equal points.

#include "jit/attention/tiles_config.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "jit/attention/config_rules.h"
#include "jit/attention/emit_scores.h"
#include "jit/attention/emit_softmax.h"
#include "jit/attention/emit_transposed_values.h"
#include "jit/attention/emit_values.h"

namespace jitattn::jit {

absl::Status ValidateTiles(const TilesConfig& config, const AttentionSpec& spec, const Cpu& cpu) {
  const Isa isa = config.isa;
  const bool pairs = config.pv == PvForm::kPairs;
  if (absl::Status s = CheckDegree(config.exp_degree, isa, WeightType(spec, pairs)); !s.ok()) {
    return s;
  }
  if (pairs) {
    if (absl::Status s = CheckPairs("pv pairs", FitsRoundedPairs(isa, spec), isa, spec, cpu);
        !s.ok())
      return s;
  }
  if (config.qk_vecs > config.q_vecs) {
    return absl::InvalidArgumentError(
        absl::StrCat("qk_vecs ", config.qk_vecs, " is above q_vecs ", config.q_vecs));
  }
  if (config.pv == PvForm::kTransposed && config.pv_vecs > config.q_vecs) {
    return absl::InvalidArgumentError(
        absl::StrCat("pv_vecs ", config.pv_vecs, " is above q_vecs ", config.q_vecs));
  }
  if (config.pv == PvForm::kPairs && (config.fuse_exp != 0 || config.exp_vecs % 2 != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pv pairs needs fuse_exp 0 and an even exp_vecs, but these are ",
                     config.fuse_exp, " and ", config.exp_vecs));
  }
  if ((config.qk_embed || config.pv_embed) && isa != Isa::kAvx512) {
    return absl::InvalidArgumentError(absl::StrCat(config.qk_embed ? "qk_embed" : "pv_embed",
                                                   " 1 needs avx512, but isa is ",
                                                   std::string(Name(isa))));
  }
  absl::Status s = CheckRegisters(isa, Block("qk_keys × qk_vecs", config.qk_keys, config.qk_vecs),
                                  EmitScores::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  s = CheckRegisters(isa, Block("pv_rows × pv_vecs", config.pv_rows, config.pv_vecs),
                     config.pv == PvForm::kTransposed
                         ? EmitTransposedValues::VecsNeeded(config, spec)
                         : EmitValues::VecsNeeded(config, spec));
  if (!s.ok() || config.fuse_exp) return s;
  return CheckRegisters(isa, absl::StrCat("exp_vecs ", config.exp_vecs),
                        EmitSoftmax::StoredVecsNeeded(config));
}

TilesConfig CanonicalTiles(TilesConfig config, const AttentionSpec& spec) {
  using Ladders = TilesLadders;
  if (config.pv == PvForm::kPairs && !FitsRoundedPairs(config.isa, spec))
    config.pv = PvForm::kNatural;
  const bool pairs = config.pv == PvForm::kPairs;
  if (config.exp_degree == 0) {
    config.exp_degree = EmitExp::Degrees(config.isa, WeightType(spec, pairs)).front();
  }
  const bool copied = SizeOf(spec.dtype) == 2 || pairs || !HasOwnKv(spec) || spec.paged;
  if (copied) config.pack = 0;  // always
  if (config.isa != Isa::kAvx512) config.qk_embed = config.pv_embed = 0;
  // With one vector per row every broadcast has a single use and is part of its FMA anyway.
  if (config.qk_vecs == 1) config.qk_embed = 0;
  if (config.pv != PvForm::kTransposed) {
    config.pv_vecs = CapAt(config.pv_vecs, ValueVecs(config.isa, spec), Ladders::kPvVecs);
  } else {
    config.pv_rows = CapAt(config.pv_rows, spec.value_dim, Ladders::kPvRows);
  }
  if (config.pv_vecs == 1) config.pv_embed = 0;
  const int depth = spec.head_dim / (pairs ? 2 : 1);
  config.qk_unroll = CapAt(config.qk_unroll, std::max(1, depth), Ladders::kQkUnroll);
  return config;
}

}  // namespace jitattn::jit
