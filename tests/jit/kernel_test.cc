// A kernel's properties.

#include "jit/kernel.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace jitattn::jit {
namespace {

// The memory that a kernel needs per key and per tile of rows never overflows, at any power of two.
TEST(ScratchNeedsTest, ScratchOfAKernelOnlyGrows) {
  const ScratchNeeds needs = {
      .bytes = 4096, .bytes_per_key = 512, .tile_rows = 24, .bytes_per_tile = 1 << 14};
  EXPECT_EQ(needs.Bytes(3, 25), 4096 + 3 * 512 + 2 * (1 << 14));
  for (int rows = 0; rows < 63; ++rows) {
    int64_t last = 0;
    for (int keys = 0; keys < 63; ++keys) {
      const int64_t bytes = needs.Bytes(int64_t{1} << keys, int64_t{1} << rows);
      ASSERT_GE(bytes, last) << keys << ", " << rows;
      last = bytes;
    }
    EXPECT_EQ(last, kTooLarge);
  }
}

}  // namespace
}  // namespace jitattn::jit
