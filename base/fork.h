// Support for processes that fork.

#ifndef JITATTN_BASE_FORK_H_
#define JITATTN_BASE_FORK_H_

#include <cstdint>
#include <mutex>

namespace jitattn::inline base {

// The number of forks from the process that loaded this library to this one; 0 in the former.
uint32_t ForkGeneration();

// True in a forked child. A child has its parent's state but only one thread: OpenMP would wait for
// a pool whose threads do not exist.
inline bool InForkedChild() { return ForkGeneration() != 0; }

// A mutex that is unlocked during every fork, so that no child inherits it locked by a thread that
// does not exist there. REQUIRES: the variable has namespace scope, hence exists when the library
// is loaded (the first use of a local static could coincide with a fork). A thread holds at most
// one such mutex, and calls no foreign code while holding it.
class ForkSafeMutex {
 public:
  ForkSafeMutex();
  void lock() { mutex_.lock(); }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHandlers;
  std::mutex mutex_;
  ForkSafeMutex* next_;  // all mutexes, newest first
};

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_FORK_H_
