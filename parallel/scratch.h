// Scratch memory of a plan: slots that running threads lease without a lock.

#ifndef JITATTN_PARALLEL_SCRATCH_H_
#define JITATTN_PARALLEL_SCRATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "base/sizes.h"

namespace jitattn::inline base {

inline constexpr size_t kScratchAlignment = 64;  // a cache line, and a zmm register

// `bytes` rounded up to the alignment, or kTooLarge.
constexpr int64_t AlignedScratch(int64_t bytes) { return SizeRoundedUp(bytes, kScratchAlignment); }

class ScratchPool {
 public:
  ScratchPool() = default;
  ~ScratchPool();

  // Allocates `slots` slots of `bytes_per_slot`. The using thread touches a page first: until then
  // the page costs no memory, and it lies on that thread's NUMA node. ResourceExhausted: no memory.
  absl::Status Init(int64_t bytes_per_slot, int slots);

  // The number of slots for plans of `threads`: the maximum of threads that can compute at once, at
  // least 8. Concurrent runs share the slots, and a slot is held only while computing. Untouched
  // slots cost no memory.
  static int SlotsFor(int threads);

  // A slot, held during the object's lifetime. The constructor waits if other runs hold all slots;
  // their holders are computing and depend on no other thread.
  class Lease {
   public:
    explicit Lease(ScratchPool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    void* memory() const { return memory_; }

   private:
    std::atomic<uint32_t>* owner_ = nullptr;
    void* memory_ = nullptr;
  };

 private:
  // One cache line per slot, against false sharing.
  struct alignas(64) Slot {
    // 0: free. Otherwise 1 + the holder's fork generation. A slot held by a thread of the parent at
    // the fork is free in the child, since the child does not have that thread.
    std::atomic<uint32_t> owner{0};
  };

  std::unique_ptr<Slot[]> slots_;
  uint32_t slot_count_ = 0;
  int64_t stride_ = 0;
  char* memory_ = nullptr;
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_SCRATCH_H_
