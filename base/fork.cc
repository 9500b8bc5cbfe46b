// Support for processes that fork.

#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace jitattn::inline base {
namespace {

// Constant-initialised: another file's ForkSafeMutex may be constructed before this file's
// variables.
constinit std::atomic<uint32_t> generation{0};
constinit std::atomic<ForkSafeMutex*> newest{nullptr};

}  // namespace

struct ForkHandlers {
  ForkHandlers() { pthread_atfork(Before, InParent, InChild); }

  static void Before() {
    for (ForkSafeMutex* m = newest.load(); m != nullptr; m = m->next_) m->mutex_.lock();
  }
  static void InParent() {
    for (ForkSafeMutex* m = newest.load(); m != nullptr; m = m->next_) m->mutex_.unlock();
  }
  static void InChild() {
    generation.fetch_add(1, std::memory_order_relaxed);
    InParent();
  }
};

namespace {
// Constructed when the library is loaded, so that forks before its first use count.
const ForkHandlers handlers;
}  // namespace

uint32_t ForkGeneration() { return generation.load(std::memory_order_relaxed); }

ForkSafeMutex::ForkSafeMutex() : next_(newest.load()) {
  while (!newest.compare_exchange_weak(next_, this)) {
  }
}

}  // namespace jitattn::inline base
