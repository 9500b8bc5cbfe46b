// Values that their first users make.

#include "base/made_once.h"

#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace jitattn {
namespace {

TEST(MadeOnce, EveryThreadGetsTheSameValue) {
  constinit static MadeOnce<int> value;
  std::atomic<int> makers{0};
  std::vector<const int*> seen(8);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] { seen[t] = &value.Get([&] { return 100 + makers++; }); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int* one : seen) EXPECT_EQ(one, seen[0]);
  EXPECT_GE(*seen[0], 100);
  EXPECT_LT(*seen[0], 100 + makers);
  EXPECT_EQ(&value.Get([] { return 0; }), seen[0]) << "made already";
}

// As where there is no memory, or where a fork left the maker behind.
TEST(MadeOnce, AMakerThatFailsLeavesNothing) {
  constinit static MadeOnce<int> value;
  EXPECT_THROW(value.Get([]() -> int { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(value.Get([] { return 7; }), 7);
}

}  // namespace
}  // namespace jitattn
