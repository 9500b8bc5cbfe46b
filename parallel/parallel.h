// Running a function on several threads: the library's own, OpenMP's, or the host's pool.

#ifndef JITATTN_PARALLEL_PARALLEL_H_
#define JITATTN_PARALLEL_PARALLEL_H_

#include <cstdint>

namespace jitattn::inline base {

// Calls body(i, context) for 0 ≤ i < count, each on a thread of its own where possible, and returns
// when all have ended. A thread that is not there in time is not waited for: another one calls its
// body. Inside a body, inside an OpenMP parallel region of the program, after fork, or for count 1:
// all on this thread, in order. Every body runs under the default MXCSR, which is restored after
// it. What a body throws is thrown here, when all have ended.
void ParallelFor(int count, void (*body)(int index, void* context), void* context);

// Replaces the library's threads; false if a replacement is already set.
using ParallelForHook = void (*)(int32_t count, void (*body)(int32_t, void*), void* body_context,
                                 void* context);
bool SetParallelForHook(ParallelForHook hook, void* context);

// Cycles of work that a thread must be given for starting it to pay. Joining two threads takes 4 to
// 10 thousand cycles where they spin between runs, and 130 thousand where they sleep at once; of a
// replacement's threads nothing is known.
double WorthwhileCycles();

// Whether the program wants idle threads to sleep at once: OMP_WAIT_POLICY is passive, or
// GOMP_SPINCOUNT 0.
bool HelpersSleepAtOnce();

// Threads that a run of `work` takes. About the planned work takes all `threads`: they were
// measured. A much smaller one takes no more than pay for themselves, at `worthwhile` of work each.
int ThreadsFor(double work, double planned_work, double worthwhile, int threads);

// Threads a plan may use when it is asked for at most `requested` (0: all physical cores, at most
// OMP_NUM_THREADS where set). Never more than OMP_THREAD_LIMIT or kMaxThreads.
int ThreadBudget(int requested);

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_PARALLEL_H_
