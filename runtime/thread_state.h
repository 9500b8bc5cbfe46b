// State of a thread between its calls.

#ifndef JITATTN_RUNTIME_THREAD_STATE_H_
#define JITATTN_RUNTIME_THREAD_STATE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/thread_local.h"
#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// The most recent plans of a thread's one-shot calls. Four suffice: a layer of a network alternates
// between few problems.
template <typename Problem>
struct RecentPlans {
  struct Entry {
    Problem problem;
    std::shared_ptr<const Plan> plan;
  };
  Entry entries[4];
  uint32_t next = 0;  // modulo 4, the index of the oldest
};

struct ThreadState {
  RecentPlans<ops::AttentionProblem> attention;
  RecentPlans<ops::SigmoidMulProblem> sigmoid_mul;
  char error[1024] = "";
};

// Returns this thread's state, which is deleted when the thread ends; the main thread's is kept for
// destructors of static objects. Null if there is no memory for one, and after the deletion at the
// end of a thread. Calls that come that late, from destructors of other libraries' thread-specific
// data, do without.
extern JITATTN_THREAD_LOCAL ThreadState*
    thread_state;  // for ThisThread, whose usual case is inline
ThreadState* MakeThreadState();
inline ThreadState* ThisThread() {
  return thread_state != nullptr ? thread_state : MakeThreadState();
}

// False if there was no memory for this thread's state. Nothing may be thrown then: the C++ library
// may need memory, too, for a thread's first exception, and terminates the process without it.
bool MayThrowWithoutState();
inline bool MayThrow() { return ThisThread() != nullptr || MayThrowWithoutState(); }

// Keeps a message for LastError() without allocating memory. A longer message is cut after a whole
// UTF-8 character, at 1023 bytes, or at 127 if there is no ThreadState.
void KeepError(std::string_view message);
const char* LastError();

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_THREAD_STATE_H_
