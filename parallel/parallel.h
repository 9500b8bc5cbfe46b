// Runs a function on several threads: the library's own, OpenMP's, or the host's pool.

#ifndef JITATTN_PARALLEL_PARALLEL_H_
#define JITATTN_PARALLEL_PARALLEL_H_

#include <cstdint>

namespace jitattn::inline base {

// Calls body(i, context) for 0 ≤ i < count, each on its own thread if possible, and returns after
// all bodies have ended. Does not wait for a thread that is late: another thread calls its body.
// All bodies run on this thread, in order, inside a body, inside an OpenMP parallel region of the
// program, after fork, or if count is 1. Every body runs under the default MXCSR, which is restored
// after it. Rethrows the exception of the first body that threw, after all have ended.
void ParallelFor(int count, void (*body)(int index, void* context), void* context);

// Replaces the library's threads. Returns false if a replacement is set already.
using ParallelForHook = void (*)(int32_t count, void (*body)(int32_t, void*), void* body_context,
                                 void* context);
bool SetParallelForHook(ParallelForHook hook, void* context);
// The same for this thread's calls of ParallelFor, until the next call. Null: no replacement.
void SetParallelForHookOfThread(ParallelForHook hook, void* context);

// The cycles of work at which starting a thread pays. Joining two threads takes 4 to 10 thousand
// cycles if they spin between runs, and 130 thousand if they sleep at once. A replacement's threads
// have unknown costs; the result is a guess in between.
double WorthwhileCycles();

// True if the program wants idle threads to sleep at once: OMP_WAIT_POLICY is passive, or
// GOMP_SPINCOUNT is 0.
bool HelpersSleepAtOnce();

// The threads of a run of `work`. A run near the planned work takes all `threads`, as measured. A
// much smaller run takes only as many threads as pay for themselves, one per `worthwhile` of work.
int ThreadsFor(double work, double planned_work, double worthwhile, int threads);

// The maximum of threads of a plan for which `requested` are requested (0: all physical cores, at
// most OMP_NUM_THREADS if set). Never above OMP_THREAD_LIMIT or kMaxThreads.
int ThreadBudget(int requested);

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_PARALLEL_H_
