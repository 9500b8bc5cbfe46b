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
  std::shared_ptr<const Plan> held;  // null if the thread's list of recent plans holds the plan
};

// Returns a plan, with default options, for the problem's bucket of lengths. The plan's maxima are
// those of the bucket, so that a sequence that grows by one token per call does not need a new plan
// per call. Plans are kept for later calls; beyond kMaxOneShotPlans the least recently used one is
// dropped. A problem that this thread asked for recently costs a few nanoseconds and no lock.
//
// The plan is valid until this thread's next call. If that call may come while the plan runs, as
// from a host's pool, set `hold`: then the plan is valid as long as the OneShot lives. `hold` is
// not the default, since threads that share a plan would contend for the cache line with its
// reference count.
absl::StatusOr<OneShot> OneShotPlan(const ops::AttentionProblem& problem, bool hold);
absl::StatusOr<OneShot> OneShotPlan(const ops::SigmoidMulProblem& problem, bool hold);

inline constexpr int kMaxOneShotPlans = 256;

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ONE_SHOT_H_
