// Attention's reference, and the check of its arguments.

#ifndef JITATTN_OPS_ATTENTION_CHECKER_H_
#define JITATTN_OPS_ATTENTION_CHECKER_H_

#include <memory>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/checker.h"

namespace jitattn::ops {

// checker.cc says what is allowed, and why. Computed here: every row, or evenly spread sampled ones
// where the whole would cost more than `max_ops` multiplications.
std::unique_ptr<Checker> MakeAttentionChecker(const AttentionProblem& problem,
                                              const jitattn_attention_args& args, double max_ops);

// Operation::check_args, typed.
absl::Status CheckArgs(const AttentionProblem& problem, const jitattn_attention_args& args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_CHECKER_H_
