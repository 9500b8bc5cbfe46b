// The plans behind one-shot calls.

#ifndef JITATTN_RUNTIME_ONE_SHOT_H_
#define JITATTN_RUNTIME_ONE_SHOT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "jit/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// The plan, with default options, for the problem's bucket of lengths: its maxima are the bucket's,
// so that a sequence that grows by one token a call does not make a plan a call. Kept for later
// calls; of kMaxOneShotPlans the one unused for longest goes first. The pointer is good until this
// thread's next call. A problem that this thread asked for lately costs some nanoseconds and no
// lock.
absl::StatusOr<const Plan*> OneShotPlan(const jit::AttentionProblem& problem);
absl::StatusOr<const Plan*> OneShotPlan(const jit::SigmoidMulProblem& problem);

inline constexpr int kMaxOneShotPlans = 256;

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ONE_SHOT_H_
