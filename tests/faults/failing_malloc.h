// The C library's allocator, which can be made to run out of memory at a chosen call.

#ifndef JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_
#define JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_

#include <cstdint>

namespace jitattn::faults {

// False where a sanitizer or another C library brings an allocator that cannot be replaced.
bool CanFailMallocs();

// From now on call `first` (from 0) and the `count` − 1 after it give null. Calls are counted in
// all threads.
void FailMallocs(int64_t first, int64_t count);
// All succeed again. Returns the number of calls since FailMallocs.
int64_t StopFailing();

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_FAILING_MALLOC_H_
