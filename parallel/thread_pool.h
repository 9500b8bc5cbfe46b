// The library's own threads: helpers that take part in a run, and that no run ever waits for unless
// they have begun.

#ifndef JITATTN_PARALLEL_THREAD_POOL_H_
#define JITATTN_PARALLEL_THREAD_POOL_H_

#include <cstdint>

namespace jitattn::inline base {

inline constexpr int kMaxThreads = 1024;

// Calls body(i, context) for 0 ≤ i < count and returns when all have ended. The caller runs body 0,
// then every other body that no helper has begun: it waits for bodies under way, never for a thread
// that the system has not let run. Helpers are made when they are first wanted, as many as the
// system grants; they spin briefly after a run and then sleep.
//
// Beside other busy processes a helper may lose its core in the middle of a body, for milliseconds,
// and the caller with it. Where that happened, the next runs stay on the caller's thread for a
// while, longer each time (InsistOnHelp for the contrary).
//
// REQUIRES: body does not throw; count ≤ kMaxThreads; this is no child after fork, and no body.
void RunOnPool(int count, void (*body)(int index, void* context), void* context);

// While one lives, every run of the process asks for help, whatever happened before: for
// measurements, whose subject are all threads.
class InsistOnHelp {
 public:
  InsistOnHelp();
  ~InsistOnHelp();
  InsistOnHelp(const InsistOnHelp&) = delete;
  InsistOnHelp& operator=(const InsistOnHelp&) = delete;
};

// What became of the runs of this process so far.
struct PoolCounts {
  uint64_t runs = 0;     // with more than one body
  uint64_t alone = 0;    // of them: no helper took part
  uint64_t held_up = 0;  // of them: a helper kept the caller waiting for longer than it had saved
};
PoolCounts CountsOfPool();

// Helpers there are. For tests.
int HelperCount();

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_THREAD_POOL_H_
