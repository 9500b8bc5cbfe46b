// The algorithms of sigmoid-mul.

#ifndef JITATTN_OPS_SIGMOID_MUL_ALGORITHMS_H_
#define JITATTN_OPS_SIGMOID_MUL_ALGORITHMS_H_

#include "jit/sigmoid_mul/config.h"
#include "ops/config.h"

namespace jitattn::ops {

// Vectors of elements, emitted.
extern const Algorithm kVectors;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::SigmoidMulConfig> = &kVectors;

// Compiled, not emitted.
struct PortableSigmoidMulConfig {
  Isa isa = Isa::kPortable;
  int threads = 1;

  friend bool operator==(const PortableSigmoidMulConfig&,
                         const PortableSigmoidMulConfig&) = default;
};
extern const Algorithm kPortableSigmoidMul;
template <>
inline constexpr const Algorithm* AlgorithmOf<PortableSigmoidMulConfig> = &kPortableSigmoidMul;

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_ALGORITHMS_H_
