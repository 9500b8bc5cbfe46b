// The C library's allocator, which can be made to run out of memory at a chosen call.

#include "failing_malloc.h"

#include <errno.h>

#include <atomic>

namespace {

// Constant-initialised: malloc is called before any constructor.
constinit std::atomic<bool> failing{false};
constinit std::atomic<int64_t> calls{0}, first_to_fail{0}, fail_count{0};

#if JITATTN_OWN_MALLOC
bool Fails() {
  if (!failing.load(std::memory_order_relaxed)) return false;
  const int64_t since = calls.fetch_add(1, std::memory_order_relaxed) - first_to_fail.load();
  if (since < 0 || since >= fail_count.load()) return false;
  errno = ENOMEM;
  return true;
}
#endif

}  // namespace

#if JITATTN_OWN_MALLOC
// The program's definitions take precedence over the C library's, in shared libraries too. free()
// stays the C library's, since the memory comes from it.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) { return Fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return Fails() ? nullptr : __libc_calloc(count, bytes); }
void* realloc(void* old, size_t bytes) { return Fails() ? nullptr : __libc_realloc(old, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) {
  return Fails() ? nullptr : __libc_memalign(alignment, bytes);
}
void* memalign(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  void* made = aligned_alloc(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}
}
#pragma GCC visibility pop
#endif

namespace jitattn::faults {

void FailMallocs(int64_t first, int64_t count) {
  calls = 0;
  first_to_fail = first;
  fail_count = count;
  failing = true;
}

int64_t StopFailing() {
  failing = false;
  return calls;
}

}  // namespace jitattn::faults
