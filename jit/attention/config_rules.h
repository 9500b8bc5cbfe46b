// Rules of both attention kernels' configurations.

#ifndef JITATTN_JIT_ATTENTION_CONFIG_RULES_H_
#define JITATTN_JIT_ATTENTION_CONFIG_RULES_H_

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/cpu.h"
#include "jit/attention/kv_row.h"
#include "jit/attention/spec.h"
#include "jit/parts/emit_exp.h"

namespace jitattn::jit {

// The number of vectors that the value columns fill. A wider register block has no use.
inline int ValueVecs(Isa isa, const AttentionSpec& spec) {
  const int lanes = Lanes(isa, spec.dtype);
  return (spec.value_dim + lanes - 1) / lanes;
}

// Caps `value` at the first ladder value ≥ `limit`; all values above emit the same code.
inline int CapAt(int value, int limit, std::span<const int> ladder) {
  const auto cap = std::lower_bound(ladder.begin(), ladder.end(), limit);
  return cap == ladder.end() ? value : std::min(value, *cap);
}

// Whether products of bf16 pairs are possible for this ISA and problem: of operands in memory, or
// of operands that are rounded first. CheckPairs also asks the CPU.
inline bool FitsPairs(Isa isa, const AttentionSpec& spec) {
  return spec.dtype == DType::kBF16 && HasOwnKv(spec) && isa == Isa::kAvx512;
}
inline bool FitsRoundedPairs(Isa isa, const AttentionSpec& spec) {
  return (spec.dtype == DType::kBF16 || spec.bf16_math) && HasOwnKv(spec) && isa == Isa::kAvx512;
}

// The type for which exponentials are exact enough: pairs round them to bf16.
inline DType WeightType(const AttentionSpec& spec, bool pairs) {
  return pairs ? DType::kBF16 : spec.dtype;
}

// `what` names the setting that selects pairs, `fits` says whether the problem allows them.
inline absl::Status CheckPairs(std::string_view what, bool fits, Isa isa, const AttentionSpec& spec,
                               const Cpu& cpu) {
  if (fits && cpu.avx512_bf16) return absl::OkStatus();
  if (!HasOwnKv(spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(what), " needs keys and values of the queries' type"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " needs bf16 and avx512 with AVX-512 BF16: the problem is ",
                   std::string(Name(spec.dtype)), ", the isa ", std::string(Name(isa)),
                   cpu.avx512_bf16 ? "" : ", the CPU lacks AVX-512 BF16"));
}

// `what` names the setting, as in "qk_keys × qk_vecs 9 × 4".
inline absl::Status CheckRegisters(Isa isa, std::string_view what, int needed) {
  if (needed <= VecRegs(isa)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " needs ", needed,
                                                 " vector registers, but ", std::string(Name(isa)),
                                                 " has ", VecRegs(isa)));
}

inline std::string Block(std::string_view names, int rows, int vecs) {
  return absl::StrCat(std::string(names), " ", rows, " × ", vecs);
}

inline absl::Status CheckDegree(int degree, Isa isa, DType weights) {
  if (degree == 0) return absl::OkStatus();
  const std::span<const int> degrees = EmitExp::Degrees(isa, weights);
  if (std::find(degrees.begin(), degrees.end(), degree) != degrees.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("exp_degree ", degree, ": expected one of ", absl::StrJoin(degrees, ", "),
                   " with ", std::string(Name(weights)), " and ", std::string(Name(isa))));
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_CONFIG_RULES_H_
