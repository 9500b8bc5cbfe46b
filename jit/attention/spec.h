// What is burnt into the code of an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_SPEC_H_
#define JITATTN_JIT_ATTENTION_SPEC_H_

#include "base/dtype.h"

namespace jitattn::jit {

// kCausal: query i sees keys j ≤ i + offset.
enum class Mask : int { kNone = 0, kCausal = 1 };

struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SPEC_H_
