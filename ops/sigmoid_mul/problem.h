// Problems of sigmoid-mul (SiLU).
//
//   out[r][c] = x[r][c] · sigmoid(x[r][c])

#ifndef JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_
#define JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_

#include <cstdint>

#include "ops/problem.h"

namespace jitattn::ops {

struct SigmoidMulProblem {
  DType dtype = DType::kF32;
  int64_t rows = 1, cols = 1;

  friend bool operator==(const SigmoidMulProblem&, const SigmoidMulProblem&) = default;
};

// Operations for each element: an exponential, an addition, a division, a product.
inline constexpr double kSigmoidMulFlops = 4;

extern const Operation kSigmoidMul;
template <>
inline constexpr const Operation* OperationOf<SigmoidMulProblem> = &kSigmoidMul;

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_PROBLEM_H_
