// Sigmoid-mul's reference, and the check of its arguments.

#ifndef JITATTN_OPS_SIGMOID_MUL_CHECKER_H_
#define JITATTN_OPS_SIGMOID_MUL_CHECKER_H_

#include <memory>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/checker.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::ops {

// A result is right within 2.5 ulp for x ≥ −87 (float64: −708) and 1e-36 (1.6e-305) absolute below,
// where results underflow. Computed here: every element, or blocks of rows where the whole would
// cost more than `max_ops`.
std::unique_ptr<Checker> MakeSigmoidMulChecker(const SigmoidMulProblem& problem,
                                               const jitattn_sigmoid_mul_args& args,
                                               double max_ops);

// Operation::check_args, typed.
absl::Status CheckArgs(const SigmoidMulProblem& problem, const jitattn_sigmoid_mul_args& args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_CHECKER_H_
