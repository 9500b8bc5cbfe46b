// The library's own threads: helpers that take part in a run. A run waits for a helper only if the
// helper has begun a body.

#ifndef JITATTN_PARALLEL_THREAD_POOL_H_
#define JITATTN_PARALLEL_THREAD_POOL_H_

#include <cstdint>

namespace jitattn::inline base {

inline constexpr int kMaxThreads = 1024;

// Calls body(i, context) for 0 ≤ i < count and returns after all have ended. The caller runs body
// 0, then every other body that no helper has begun. Hence it waits for bodies in progress, never
// for a thread that the system has not scheduled. Helpers are created when first needed, as many as
// the system grants; after a run they spin briefly and then sleep.
//
// Beside other busy processes a helper may lose its core within a body, for milliseconds, and delay
// the caller. After such a hold-up, the next runs stay on the caller's thread for a while, longer
// each time (unless InsistOnHelp).
//
// REQUIRES: body does not throw; count ≤ kMaxThreads; the process is not a forked child; the caller
// is not a body.
void RunOnPool(int count, void (*body)(int index, void* context), void* context);

// During its lifetime every run of the process asks for help, regardless of hold-ups. For
// measurements of all threads.
class InsistOnHelp {
 public:
  InsistOnHelp();
  ~InsistOnHelp();
  InsistOnHelp(const InsistOnHelp&) = delete;
  InsistOnHelp& operator=(const InsistOnHelp&) = delete;
};

// Counts of this process's runs so far.
struct PoolCounts {
  uint64_t runs = 0;     // runs with more than one body
  uint64_t alone = 0;    // runs without a helper
  uint64_t held_up = 0;  // runs delayed by a helper for longer than it had saved
};
PoolCounts CountsOfPool();

// The number of helpers, for tests.
int HelperCount();

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_THREAD_POOL_H_
