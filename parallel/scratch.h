// Working memory of a plan: slots that running threads take and give back without a lock.

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

// Whole units of the alignment, or kTooLarge.
constexpr int64_t AlignedScratch(int64_t bytes) { return SizeRoundedUp(bytes, kScratchAlignment); }

class ScratchPool {
 public:
  ScratchPool() = default;
  ~ScratchPool();

  // `slots` slots of `bytes_per_slot`. Pages are touched first by the thread that uses them: they
  // cost nothing until then, and lie on that thread's NUMA node.
  // ResourceExhausted: no memory.
  absl::Status Init(int64_t bytes_per_slot, int slots);

  // For runs of `threads`. More than one run takes, since several may be under way; as many as can
  // compute at once is enough, since a slot is held only while computing. Eight at least: they cost
  // nothing before they are used.
  static int SlotsFor(int threads);

  // A slot, held while this lives. Where all are taken by other runs, waits for one to come back:
  // their holders are computing and depend on nobody.
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
  // A line each: threads that take neighbouring slots would else pass one line back and forth.
  struct alignas(64) Slot {
    // 0: free. Else 1 + the fork generation of the holder: what a parent's threads held when this
    // process was forked is free here, since those threads are not.
    std::atomic<uint32_t> owner{0};
  };

  std::unique_ptr<Slot[]> slots_;
  uint32_t slot_count_ = 0;
  int64_t stride_ = 0;
  char* memory_ = nullptr;
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_SCRATCH_H_
