// The algorithms of sigmoid-mul.

#ifndef JITATTN_OPS_SIGMOID_MUL_ALGORITHMS_H_
#define JITATTN_OPS_SIGMOID_MUL_ALGORITHMS_H_

#include "jit/sigmoid_mul/config.h"
#include "ops/config.h"

namespace jitattn::ops {

// Emitted kernels that work on vectors of elements.
extern const Algorithm kVectors;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::SigmoidMulConfig> = &kVectors;

// Compiled C++, for any CPU.
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
