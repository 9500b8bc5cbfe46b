// Entry into the library, and calls from it into a host's thread pool.

#include "runtime/entry.h"

#include <cstdint>

#include "base/thread_local.h"
#include "parallel/hooks.h"
#include "runtime/thread_state.h"

namespace jitattn::runtime {
namespace {

struct HostPool {
  ParallelForHook parallel_for = nullptr;
  void* context = nullptr;
};

constinit SetOnce<HostPool> host_pool;
JITATTN_THREAD_LOCAL HostPool host_pool_of_thread;

// This thread's innermost Entry; set only if there is a host's pool.
JITATTN_THREAD_LOCAL Entry* innermost = nullptr;

}  // namespace

// While one lives, this thread runs the host's code, under the host's floating-point environment.
class HostsTurn {
 public:
  HostsTurn() : entry_(innermost) {
    if (entry_ != nullptr) entry_->environment_.Leave();
  }
  ~HostsTurn() {
    if (entry_ != nullptr) entry_->environment_.Enter();
  }

 private:
  Entry* const entry_;
};

namespace {

void CallHost(int32_t count, void (*body)(int32_t, void*), void* body_context, void* pool) {
  // A copy: the host's code may replace the pool of its thread.
  const HostPool host = *static_cast<const HostPool*>(pool);
  const HostsTurn turn;
  host.parallel_for(count, body, body_context, host.context);
}

}  // namespace

constinit std::atomic<bool> has_host_pool{false};

bool SetHostPool(ParallelForHook parallel_for, void* context) {
  if (!host_pool.Set({parallel_for, context})) return false;
  has_host_pool = true;
  return SetParallelForHook(CallHost, const_cast<HostPool*>(host_pool.get()));
}

void SetHostPoolOfThread(ParallelForHook parallel_for, void* context) {
  host_pool_of_thread = {parallel_for, context};
  if (parallel_for == nullptr) return SetParallelForHookOfThread(nullptr, nullptr);
  has_host_pool = true;
  SetParallelForHookOfThread(CallHost, &host_pool_of_thread);
}

void Entry::Begin() {
  uncancelled_.emplace();
  outer_ = innermost;
  innermost = this;
}

void Entry::End() {
  innermost = outer_;
  uncancelled_.reset();
}

}  // namespace jitattn::runtime
