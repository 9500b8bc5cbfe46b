// The part of a problem that is compiled into an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_SPEC_H_
#define JITATTN_JIT_ATTENTION_SPEC_H_

#include <array>

#include "base/dtype.h"

namespace jitattn::jit {

// The ends of the band of keys that a query sees (band.h). Their positions are arguments of a call.
enum class Mask : int {
  kNone = 0,
  kCausal = 1,  // query i sees keys j ≤ i + right
  kWindow = 2,  // and j ≥ i + left
};
constexpr bool HasLeftEnd(Mask mask) { return mask == Mask::kWindow; }
constexpr bool HasRightEnd(Mask mask) { return mask != Mask::kNone; }

// What is added to the scores, by element of memory.
enum class Bias : int {
  kNone = 0,
  kF32 = 1,   // floats
  kOwn = 2,   // of the operands' type, if that is not f32
  kSeen = 3,  // bytes: 0 hides the key from the query, any other value adds nothing
};

class ScorePart;

struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;
  // Added after the score parts. −∞ hides the key, like a mask.
  Bias bias = Bias::kNone;
  bool sinks = false;  // AttentionArgs::sinks take part in the sum of weights
  bool lse = false;    // AttentionArgs::lse is written
  // Applied to the scores in order (score_part.h); unused entries at the end are null.
  std::array<const ScorePart*, 4> score_parts = {};

  bool has_score_parts() const { return score_parts[0] != nullptr; }

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SPEC_H_
