// Sleeps until a word changes, by Linux's futex, private to the process.

#ifndef JITATTN_PARALLEL_FUTEX_H_
#define JITATTN_PARALLEL_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace jitattn::inline base {

// Returns at once if `word` is not `value`; otherwise sleeps until woken. May wake spuriously.
// Preserves errno.
inline void FutexWait(std::atomic<uint32_t>& word, uint32_t value) {
  const int saved = errno;
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  errno = saved;
}

// Wakes at most `count` threads that sleep on `word`. Preserves errno.
inline void FutexWake(std::atomic<uint32_t>& word, int count) {
  const int saved = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  errno = saved;
}

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_FUTEX_H_
