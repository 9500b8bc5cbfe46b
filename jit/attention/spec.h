// What is burnt into the code of an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_SPEC_H_
#define JITATTN_JIT_ATTENTION_SPEC_H_

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

struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SPEC_H_
