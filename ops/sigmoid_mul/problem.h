// Problems of sigmoid-mul: SiLU and the other activations f, gated or not.
//
//   out[r][c] = f(x[r][c])
//   out[r][c] = f(min(g[r][c], limit)) · (clamp(u[r][c], −limit, limit) + up_offset)

#ifndef JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_
#define JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_

#include <cstdint>

#include "jit/sigmoid_mul/args.h"
#include "ops/problem.h"

namespace jitattn::ops {

struct SigmoidMulProblem {
  DType dtype = DType::kF32;
  jit::OutType out = jit::OutType::kSame;
  jit::Activation activation = jit::Activation::kSilu;
  jit::Gate gate = jit::Gate::kNone;
  bool clamped = false;
  int64_t rows = 1, cols = 1;

  friend bool operator==(const SigmoidMulProblem&, const SigmoidMulProblem&) = default;
};

inline jit::SigmoidMulSpec SpecOf(const SigmoidMulProblem& p) {
  return {.dtype = p.dtype,
          .out = p.out,
          .activation = p.activation,
          .gate = p.gate,
          .clamped = p.clamped};
}

// The usual alpha of quick GELU, and the least that a run may have. The largest is its inverse.
inline constexpr double kQuickAlpha = 1.702, kLeastAlpha = 0x1p-16;

// Operations for each element: an exponential, an addition, a division, a product.
inline constexpr double kSigmoidMulFlops = 4;

extern const Operation kSigmoidMul;
template <>
inline constexpr const Operation* OperationOf<SigmoidMulProblem> = &kSigmoidMul;

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_
