// The elements of a bias: what is added to scores, and what hides keys.

#ifndef JITATTN_JIT_ATTENTION_BIAS_H_
#define JITATTN_JIT_ATTENTION_BIAS_H_

#include "base/dtype.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// The type of the elements. REQUIRES: there is a bias, and it is not kSeen.
constexpr DType BiasType(const AttentionSpec& spec) {
  return spec.bias == Bias::kOwn ? spec.dtype : DType::kF32;
}

// Bytes of an element. REQUIRES: there is a bias.
constexpr int BiasBytes(const AttentionSpec& spec) {
  return spec.bias == Bias::kSeen ? 1 : SizeOf(BiasType(spec));
}

// True if a finite bias times log2 e may be below the lowest finite number of the compute type. It
// becomes that number, since only −∞ hides a key.
constexpr bool BiasMayOverflow(const AttentionSpec& spec) {
  if (spec.bias == Bias::kNone || spec.bias == Bias::kSeen) return false;
  const DType type = BiasType(spec);
  return type != DType::kF16 && (type == DType::kF64 || spec.dtype != DType::kF64);
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_BIAS_H_
