// The C library's allocator, which can be made to run out of memory at a chosen call.

#ifndef JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_
#define JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_

#include <stdlib.h>

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define JITATTN_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JITATTN_OWN_MALLOC 0
#endif
#endif
#ifndef JITATTN_OWN_MALLOC
#define JITATTN_OWN_MALLOC 1
#endif

namespace jitattn::faults {

// False where a sanitizer or another C library brings an allocator that cannot be replaced. A
// sanitizer moreover ends the process where the system refuses its own wishes.
inline constexpr bool kCanFailMallocs = JITATTN_OWN_MALLOC != 0;

// From now on call `first` (from 0) and the `count` − 1 after it give null. Calls are counted in
// all threads.
void FailMallocs(int64_t first, int64_t count);
// All succeed again. Returns the number of calls since FailMallocs.
int64_t StopFailing();

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_
