// Is what a run asks for within what was planned, and is its memory sound?

#ifndef JITATTN_RUNTIME_CHECK_ARGS_H_
#define JITATTN_RUNTIME_CHECK_ARGS_H_

#include "absl/status/status.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"

namespace jitattn::runtime {

// InvalidArgument with the value and the rule: sizes beyond the problem's or below 0, a null or
// misaligned pointer where something is read or written, strides beyond the address space, out
// overlapping an input or itself. Costs some ten nanoseconds where nothing is wrong.
absl::Status CheckArgs(const jit::AttentionProblem& problem, const jitattn_attention_args& args);
absl::Status CheckArgs(const jit::SigmoidMulProblem& problem, const jitattn_sigmoid_mul_args& args);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CHECK_ARGS_H_
