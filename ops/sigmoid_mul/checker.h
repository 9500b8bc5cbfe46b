// Sigmoid-mul's reference, and the check of its arguments.

#ifndef JITATTN_OPS_SIGMOID_MUL_CHECKER_H_
#define JITATTN_OPS_SIGMOID_MUL_CHECKER_H_

#include <memory>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/checker.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::ops {

// A result is correct within 2.5 ulp (bf16: 0.54, f16: 0.66) for x ≥ −87 (float64: −708). Below,
// where float32 and float64 results underflow, the bound is 1e-36 (1.6e-305) absolute. The checker
// computes every element, or a sample of rows and blocks if the whole costs more than `max_ops`.
std::unique_ptr<Checker> MakeSigmoidMulChecker(const SigmoidMulProblem& problem,
                                               const jitattn_activation_args& args, double max_ops);

// The run of plain SiLU as the operation's own arguments.
inline jitattn_activation_args ActivationArgsOf(const jitattn_sigmoid_mul_args& args) {
  return {.struct_size = sizeof(jitattn_activation_args),
          .x = args.x,
          .out = args.out,
          .rows = args.rows,
          .cols = args.cols,
          .x_stride = args.x_stride,
          .out_stride = args.out_stride};
}

// Operation::check_args with typed parameters.
absl::Status CheckArgs(const SigmoidMulProblem& problem, const jitattn_activation_args& args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_CHECKER_H_
