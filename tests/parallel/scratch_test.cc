// Slots of scratch memory.

#include "parallel/scratch.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/runtime/runtime_testing.h"

namespace jitattn {
namespace {

using runtime::InChild;

TEST(ScratchPool, LeasesAreDistinctAlignedAndComeBack) {
  ScratchPool pool;
  ASSERT_TRUE(pool.Init(100, 4).ok());
  std::set<void*> seen;
  {
    std::vector<std::unique_ptr<ScratchPool::Lease>> leases;
    for (int i = 0; i < 4; ++i) {
      leases.push_back(std::make_unique<ScratchPool::Lease>(pool));
      void* memory = leases.back()->memory();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
      EXPECT_TRUE(seen.insert(memory).second) << i;
      std::memset(memory, i, 100);
    }
  }
  ScratchPool::Lease again(pool);
  EXPECT_TRUE(seen.contains(again.memory()));
}

TEST(ScratchPool, NoBytesNoMemory) {
  ScratchPool pool;
  ASSERT_TRUE(pool.Init(0, 4).ok());
  EXPECT_EQ(ScratchPool::Lease(pool).memory(), nullptr);
}

TEST(ScratchPool, MoreMemoryThanThereIs) {
  ScratchPool pool;
  const absl::Status status = pool.Init(size_t{1} << 52, 1024);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("1024 slots"), status.message().npos) << status;
}

// Sizes whose product is small in 64 bits that wrap.
TEST(ScratchPool, MoreMemoryThanCanBeCounted) {
  for (const auto& [bytes, slots] : {std::pair{(int64_t{1} << 61) + 4096, 8},
                                     {int64_t{1} << 62, 4},
                                     {kTooLarge, 1},
                                     {kTooLarge - 1, 8},
                                     {kTooLarge - 64, 1}}) {
    ScratchPool pool;
    EXPECT_EQ(pool.Init(bytes, slots).code(), absl::StatusCode::kResourceExhausted)
        << bytes << " × " << slots;
  }
}

// More threads than slots: each slot has one user at a time, and everyone gets a turn.
TEST(ScratchPool, ThreadsWaitForASlot) {
  ScratchPool pool;
  ASSERT_TRUE(pool.Init(64, 2).ok());
  std::atomic<int> turns{0}, clashes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        ScratchPool::Lease lease(pool);
        auto* word = static_cast<std::atomic<int>*>(lease.memory());
        word->store(t);
        if (i % 50 == 0) std::this_thread::yield();
        clashes += word->load() != t;
        ++turns;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, 6 * 500);
  EXPECT_EQ(clashes, 0);
}

// A slot that a thread held when the process was forked has no holder in the child.
TEST(ScratchPool, AChildOfForkFindsEverySlotFree) {
  ScratchPool pool;
  ASSERT_TRUE(pool.Init(64, 1).ok());
  ScratchPool::Lease held(pool);
  EXPECT_EQ(InChild(
                [&] {
                  ScratchPool::Lease lease(pool);
                  return std::string(lease.memory() == held.memory() ? "" : "another slot");
                },
                10),
            "");
}

}  // namespace
}  // namespace jitattn
