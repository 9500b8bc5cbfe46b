// Entry into the library, and calls from it into a host's thread pool.

#ifndef JITATTN_RUNTIME_ENTRY_H_
#define JITATTN_RUNTIME_ENTRY_H_

#include <atomic>
#include <optional>

#include "parallel/fp_environment.h"
#include "parallel/parallel.h"
#include "runtime/undisturbed.h"

namespace jitattn::runtime {

// Makes ParallelFor use the host's threads; false if a host's pool is set already. The host's
// function is called under the floating-point environment of the host's call into the library.
bool SetHostPool(ParallelForHook parallel_for, void* context);
// The same for this thread's calls, until the next call. Null: no pool of this thread.
void SetHostPoolOfThread(ParallelForHook parallel_for, void* context);

// True if runs call the host's code, which may call the library again.
extern constinit std::atomic<bool> has_host_pool;
inline bool HasHostPool() { return has_host_pool.load(std::memory_order_acquire); }

// Lives for the duration of one call of the C ABI. The library computes under the default
// floating-point environment. With a host's pool the call may enter the host's code, and the thread
// is not cancelled in it.
class Entry {
 public:
  // Inline in the usual case, without a host's pool: a whole call takes about 50 ns.
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
