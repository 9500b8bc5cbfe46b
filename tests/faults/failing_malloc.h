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

// False if a sanitizer or another C library brings an allocator that cannot be replaced. Moreover,
// a sanitizer ends the process when its own requests to the system fail.
inline constexpr bool kCanFailMallocs = JITATTN_OWN_MALLOC != 0;

// From now on call `first` (from 0) and the `count` − 1 calls after it return null. Calls of all
// threads count.
void FailMallocs(int64_t first, int64_t count);
// Lets all calls succeed again. Returns the number of calls since FailMallocs.
int64_t StopFailing();

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_
