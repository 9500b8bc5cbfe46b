// The clock of all timings.

#ifndef JITATTN_BASE_CLOCK_H_
#define JITATTN_BASE_CLOCK_H_

#include <chrono>

namespace jitattn::inline base {

// Seconds since an arbitrary moment; monotonic.
inline double SteadyNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_CLOCK_H_
