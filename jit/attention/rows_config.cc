// The tunables of the "rows" kernel: validity, and the canonical form of equal points.

#include "jit/attention/rows_config.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "jit/attention/config_rules.h"
#include "jit/attention/emit_dots.h"
#include "jit/attention/emit_row_softmax.h"
#include "jit/attention/emit_weighted_sum.h"

namespace jitattn::jit {

namespace {

// Scales in blocks are read by straight code for all columns of the values, at most 1024 times the
// code of a key and a register block: half of an assembler's buffer.
absl::Status CheckStraightCode(const RowsConfig& config, const AttentionSpec& spec) {
  if (!KvRow(spec, spec.value_dim).scaled_in_blocks()) return absl::OkStatus();
  const int vecs = ValueVecs(config.isa, spec);
  const int groups = (vecs + config.pv_vecs - 1) / config.pv_vecs;
  if (groups * config.pv_unroll <= 1024) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "pv_vecs ", config.pv_vecs, " gives ", groups, " groups of value columns, times pv_unroll ",
      config.pv_unroll, " above 1024: keys and values have scales in blocks"));
}

}  // namespace

absl::Status ValidateRows(const RowsConfig& config, const AttentionSpec& spec, const Cpu& cpu) {
  const Isa isa = config.isa;
  if (absl::Status s = CheckDegree(config.exp_degree, isa, spec.dtype); !s.ok()) return s;
  if (config.pairs) {
    if (absl::Status s = CheckPairs("pairs 1", FitsPairs(isa, spec), isa, spec, cpu); !s.ok())
      return s;
  }
  const int lanes = Lanes(isa, spec.dtype);
  if (config.tile_rows > lanes) {
    return absl::InvalidArgumentError(absl::StrCat("tile_rows ", config.tile_rows, " is above ",
                                                   lanes, ", the lanes of a vector"));
  }
  const int keys = std::min(2, lanes / config.tile_rows);
  if (config.qk_keys > keys) {
    return absl::InvalidArgumentError(absl::StrCat("qk_keys ", config.qk_keys, " is above ", keys,
                                                   ": tile_rows is ", config.tile_rows));
  }
  if (config.tile_rows % config.pv_rows != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pv_rows ", config.pv_rows, " does not divide tile_rows ", config.tile_rows));
  }
  absl::Status s =
      CheckRegisters(isa, Block("qk_keys × tile_rows", config.qk_keys, config.tile_rows),
                     EmitDots::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  s = CheckRegisters(isa, Block("pv_rows × pv_vecs", config.pv_rows, config.pv_vecs),
                     EmitWeightedSum::VecsNeeded(config, spec));
  if (!s.ok()) return s;
  if (s = CheckStraightCode(config, spec); !s.ok()) return s;
  return CheckRegisters(isa, absl::StrCat("exp_vecs ", config.exp_vecs),
                        EmitRowSoftmax::VecsNeeded(config, spec));
}

RowsConfig CanonicalRows(RowsConfig config, const AttentionSpec& spec) {
  using Ladders = RowsLadders;
  if (config.exp_degree == 0) config.exp_degree = EmitExp::Degrees(config.isa, spec.dtype).front();
  if (!FitsPairs(config.isa, spec)) config.pairs = 0;
  config.pv_vecs = CapAt(config.pv_vecs, ValueVecs(config.isa, spec), Ladders::kPvVecs);
  const int lanes = Lanes(config.isa, spec.dtype);
  const int depth = config.pairs ? (spec.head_dim + 1) / 2 : spec.head_dim;
  config.depth_vecs = CapAt(config.depth_vecs, std::max(1, depth / lanes), Ladders::kDepthVecs);
  // Their scales' places are constants of straight code.
  if (KvRow(spec, spec.head_dim).scaled_in_blocks()) config.depth_vecs = Ladders::kDepthVecs[0];
  return config;
}

}  // namespace jitattn::jit
