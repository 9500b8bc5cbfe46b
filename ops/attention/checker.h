// Attention's reference, and the check of its arguments.

#ifndef JITATTN_OPS_ATTENTION_CHECKER_H_
#define JITATTN_OPS_ATTENTION_CHECKER_H_

#include <memory>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/checker.h"

namespace jitattn::ops {

// The checker computes every row, or evenly spread samples if all rows would cost more than
// `max_ops` multiplications. checker.cc explains the allowed error. REQUIRES: the elements of every
// row adjoin.
std::unique_ptr<Checker> MakeAttentionChecker(const AttentionProblem& problem,
                                              const jitattn_attention_args& args, double max_ops);

// Operation::check_args with typed parameters.
absl::Status CheckArgs(const AttentionProblem& problem, const jitattn_attention_args& args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_CHECKER_H_
