// What a thread keeps between its calls.

#ifndef JITATTN_RUNTIME_THREAD_STATE_H_
#define JITATTN_RUNTIME_THREAD_STATE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/thread_local.h"
#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// Plans of one-shot calls that a thread ran lately. Four: a layer of a network alternates between
// few problems.
template <typename Problem>
struct RecentPlans {
  struct Entry {
    Problem problem;
    std::shared_ptr<const Plan> plan;
  };
  Entry entries[4];
  uint32_t next = 0;  // modulo 4: the oldest
};

struct ThreadState {
  RecentPlans<ops::AttentionProblem> attention;
  RecentPlans<ops::SigmoidMulProblem> sigmoid_mul;
  char error[1024] = "";
};

// This thread's, deleted when it ends; the main thread's stays, for destructors of static objects.
// Null where there is no memory for one, and at the end of a thread, after its deletion: whoever
// comes that late (destructors of other libraries' thread-specific data) does without.
extern JITATTN_THREAD_LOCAL ThreadState*
    thread_state;  // for ThisThread, whose usual case is inline
ThreadState* MakeThreadState();
inline ThreadState* ThisThread() {
  return thread_state != nullptr ? thread_state : MakeThreadState();
}

// False where there was no memory for this thread's state. Nothing may be thrown then: the C++
// library too may need memory for a thread's first exception, and ends the process without it.
bool MayThrowWithoutState();
inline bool MayThrow() { return ThisThread() != nullptr || MayThrowWithoutState(); }

// Keeps a message for LastError(), without memory of its own: what is too long is cut after a whole
// character of UTF-8, at 1023 bytes, or 127 where there is no ThreadState.
void KeepError(std::string_view message);
const char* LastError();

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_THREAD_STATE_H_
