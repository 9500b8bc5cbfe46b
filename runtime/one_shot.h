// The plans behind one-shot calls.

#ifndef JITATTN_RUNTIME_ONE_SHOT_H_
#define JITATTN_RUNTIME_ONE_SHOT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

struct OneShot {
  const Plan* plan;
  std::shared_ptr<const Plan> held;  // null where the thread's list of recent plans holds the plan
};

// The plan, with default options, for the problem's bucket of lengths: its maxima are the bucket's,
// so that a sequence that grows by one token a call does not make a plan a call. Kept for later
// calls; of kMaxOneShotPlans the one unused for longest goes first. A problem that this thread
// asked for lately costs some nanoseconds and no lock.
//
// The plan is good until this thread's next call. Where that may come while the plan runs, as from
// a host's pool, `hold` it: then for as long as the OneShot lives. Not always, since threads that
// run one plan would pass the line with its count of holders back and forth.
absl::StatusOr<OneShot> OneShotPlan(const ops::AttentionProblem& problem, bool hold);
absl::StatusOr<OneShot> OneShotPlan(const ops::SigmoidMulProblem& problem, bool hold);

inline constexpr int kMaxOneShotPlans = 256;

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ONE_SHOT_H_
