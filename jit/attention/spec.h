// What is burnt into the code of an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_SPEC_H_
#define JITATTN_JIT_ATTENTION_SPEC_H_

#include <array>

#include "base/dtype.h"

namespace jitattn::jit {

// Which ends the band of keys has that a query sees (band.h). Where the ends are is an argument of
// a call.
enum class Mask : int {
  kNone = 0,
  kCausal = 1,  // query i sees keys j ≤ i + right
  kWindow = 2,  // and j ≥ i + left
};
constexpr bool HasLeftEnd(Mask mask) { return mask == Mask::kWindow; }
constexpr bool HasRightEnd(Mask mask) { return mask != Mask::kNone; }

class ScorePart;

struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;
  // Done to the scores one after the other (score_part.h); null behind the last one.
  std::array<const ScorePart*, 4> score_parts = {};

  bool has_score_parts() const { return score_parts[0] != nullptr; }

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SPEC_H_
