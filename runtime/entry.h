// The ways into the library and, by the host's own pool, out of it again.

#ifndef JITATTN_RUNTIME_ENTRY_H_
#define JITATTN_RUNTIME_ENTRY_H_

#include <atomic>
#include <optional>

#include "parallel/fp_environment.h"
#include "parallel/parallel.h"
#include "runtime/undisturbed.h"

namespace jitattn::runtime {

// Replaces the threads of ParallelFor by the host's; false if they are replaced already. The host's
// function is called under the floating-point environment that the host called us with.
bool SetHostPool(ParallelForHook parallel_for, void* context);

// Whether runs enter the host's code, which may call us again.
extern constinit std::atomic<bool> has_host_pool;
inline bool HasHostPool() { return has_host_pool.load(std::memory_order_acquire); }

// A call of the C ABI, while it lasts: the library computes under the default floating-point
// environment, and where it may enter the host's code the thread is not cancelled there.
class Entry {
 public:
  // Inline where there is no such code: a call takes some fifty nanoseconds.
  Entry() : meets_host_(HasHostPool()) {
    if (meets_host_) Begin();
  }
  ~Entry() {
    if (meets_host_) End();
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  friend class HostsTurn;
  void Begin();
  void End();
  DefaultFpEnvironment environment_;
  const bool meets_host_;
  std::optional<Uncancelled> uncancelled_;
  Entry* outer_ = nullptr;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ENTRY_H_
