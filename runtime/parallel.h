// Running a function on several threads; OpenMP by default, the host's own pool if it brought one.

#ifndef JITATTN_RUNTIME_PARALLEL_H_
#define JITATTN_RUNTIME_PARALLEL_H_

#include <cstdint>

namespace jitattn::runtime {

// Calls body(i, context) for 0 ≤ i < count, each on a thread of its own where possible, and returns
// when all have ended. Inside a parallel region, after fork, or for count 1: all on this thread, in
// order. Every body runs under the default MXCSR, which is restored after it.
void ParallelFor(int count, void (*body)(int index, void* context), void* context);

// Replaces OpenMP; false if a replacement is already set.
using ParallelForHook = void (*)(int32_t count, void (*body)(int32_t, void*), void* body_context,
                                 void* context);
bool SetParallelForHook(ParallelForHook hook, void* context);

// Cycles of work that a thread must be given for starting it to pay. Joining two threads takes 4 to
// 10 thousand cycles where OpenMP's spin between parallel regions, which they do for some
// milliseconds unless OMP_WAIT_POLICY or GOMP_SPINCOUNT say otherwise, and 130 thousand where they
// sleep; of a replacement's threads nothing is known.
double WorthwhileCycles();

// Threads that a run of `work` takes. About the planned work takes all `threads`: they were
// measured. A much smaller one takes no more than pay for themselves, at `worthwhile` of work each.
int ThreadsFor(double work, double planned_work, double worthwhile, int threads);

// Threads a plan may use when it is asked for `requested` (0: all physical cores, at most
// OMP_NUM_THREADS where set).
int ThreadBudget(int requested);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PARALLEL_H_
