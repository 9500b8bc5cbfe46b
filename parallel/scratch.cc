// Scratch memory of a plan.

#include "parallel/scratch.h"

#include <sched.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/fork.h"
#include "base/thread_local.h"
#include "parallel/allocator.h"

namespace jitattn::inline base {
namespace {

// The slot at which a thread starts its search: always the same, so that its scratch stays in its
// caches.
uint32_t ThreadNumber() {
  constinit static std::atomic<uint32_t> threads{0};
  JITATTN_THREAD_LOCAL static uint32_t number = 0;
  if (number == 0) number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

}  // namespace

ScratchPool::~ScratchPool() { Release(memory_); }

absl::Status ScratchPool::Init(int64_t bytes_per_slot, int slots) {
  if (bytes_per_slot == 0) return absl::OkStatus();
  stride_ = AlignedScratch(bytes_per_slot);
  memory_ = static_cast<char*>(Allocate(SizeProduct({stride_, slots}), kScratchAlignment));
  if (memory_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for scratch: ", slots, " slots of ", stride_, " bytes"));
  }
  slots_ = std::make_unique<Slot[]>(slots);
  slot_count_ = slots;
  return absl::OkStatus();
}

int ScratchPool::SlotsFor(int threads) { return std::max({threads, HostCpu().logical_cpus, 8}); }

ScratchPool::Lease::Lease(ScratchPool& pool) {
  if (pool.slot_count_ == 0) return;
  const uint32_t mine = 1 + ForkGeneration();
  for (uint32_t i = ThreadNumber() % pool.slot_count_, tried = 1;; ++tried) {
    std::atomic<uint32_t>& owner = pool.slots_[i].owner;
    uint32_t holder = owner.load(std::memory_order_relaxed);
    // A holder of another generation is a thread that this process does not have.
    if (holder != mine && owner.compare_exchange_strong(holder, mine, std::memory_order_acquire)) {
      owner_ = &owner;
      memory_ = pool.memory_ + i * pool.stride_;
      return;
    }
    if (++i == pool.slot_count_) i = 0;
    if (tried % pool.slot_count_ == 0) sched_yield();
  }
}

ScratchPool::Lease::~Lease() {
  if (owner_ != nullptr) owner_->store(0, std::memory_order_release);
}

}  // namespace jitattn::inline base
