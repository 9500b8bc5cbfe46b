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

// Threads a plan may use when it is asked for `requested` (0: all physical cores, at most
// OMP_NUM_THREADS where set).
int ThreadBudget(int requested);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PARALLEL_H_
