// What a process needs to know about having been forked.

#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace jitattn::inline base {
namespace {

// Both constant-initialised: a ForkSafeMutex of another file may come before this file's turn.
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
// When the library is loaded: a fork before its first use counts too.
const ForkHandlers handlers;
}  // namespace

uint32_t ForkGeneration() { return generation.load(std::memory_order_relaxed); }

ForkSafeMutex::ForkSafeMutex() : next_(newest.load()) {
  while (!newest.compare_exchange_weak(next_, this)) {
  }
}

}  // namespace jitattn::inline base
