// What a process needs to know about having been forked.

#ifndef JITATTN_BASE_FORK_H_
#define JITATTN_BASE_FORK_H_

#include <cstdint>
#include <mutex>

namespace jitattn::inline base {

// Number of forks between the process that loaded this library and this one; 0 in that process.
uint32_t ForkGeneration();

// A child has none of its parent's threads but all of its state: OpenMP would wait for a pool that
// is not there.
inline bool InForkedChild() { return ForkGeneration() != 0; }

// A mutex that a fork finds unlocked: no child inherits it from a thread that it does not have.
// For variables of namespace scope, which exist from the moment the library is loaded: one that the
// first user made could be in the making during a fork. REQUIRES: a thread holds at most one of
// them, and calls nobody else's code meanwhile.
class ForkSafeMutex {
 public:
  ForkSafeMutex();
  void lock() { mutex_.lock(); }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHandlers;
  std::mutex mutex_;
  ForkSafeMutex* next_;  // all of them, newest first
};

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_FORK_H_
