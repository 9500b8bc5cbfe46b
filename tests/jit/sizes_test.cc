// Sizes that do not wrap.

#include "jit/sizes.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "jit/kernel.h"

namespace jitattn::jit {
namespace {

TEST(Sizes, SumsProductsAndRoundingsAreExactUpToTheLargest) {
  EXPECT_EQ(SizeSum({}), 0);
  EXPECT_EQ(SizeSum({1, 2, 3}), 6);
  EXPECT_EQ(SizeSum({kTooLarge - 1, 1}), kTooLarge);
  EXPECT_EQ(SizeSum({kTooLarge - 3, 1, 1}), kTooLarge - 1);
  EXPECT_EQ(SizeProduct({}), 1);
  EXPECT_EQ(SizeProduct({3, 5, 7}), 105);
  EXPECT_EQ(SizeProduct({int64_t{1} << 31, int64_t{1} << 31}), int64_t{1} << 62);
  EXPECT_EQ(SizeRoundedUp(0, 64), 0);
  EXPECT_EQ(SizeRoundedUp(1, 64), 64);
  EXPECT_EQ(SizeRoundedUp(64, 64), 64);
  EXPECT_EQ(SizeRoundedUp(kTooLarge - 63, 64), kTooLarge - 63);  // 2^63 − 64
}

// Each of these is small, or negative, in 64 bits that wrap.
TEST(Sizes, BeyondTheLargestStaysTooLarge) {
  EXPECT_EQ(SizeSum({kTooLarge, 1}), kTooLarge);
  EXPECT_EQ(SizeSum({kTooLarge, kTooLarge, 2}), kTooLarge);
  EXPECT_EQ(SizeProduct({int64_t{1} << 32, int64_t{1} << 32}), kTooLarge);
  EXPECT_EQ(SizeProduct({int64_t{1} << 61, 8}), kTooLarge);
  EXPECT_EQ(SizeProduct({int64_t{1} << 61, 9}), kTooLarge);
  EXPECT_EQ(SizeProduct({kTooLarge, 2}), kTooLarge);
  EXPECT_EQ(SizeProduct({kTooLarge, 1, kTooLarge}), kTooLarge);
  EXPECT_EQ(SizeRoundedUp(kTooLarge - 62, 64), kTooLarge);
  EXPECT_EQ(SizeRoundedUp(kTooLarge, 64), kTooLarge);
  // Nothing of something that is too large is nothing, in any order.
  EXPECT_EQ(SizeProduct({kTooLarge, 2, 0}), 0);
  EXPECT_EQ(SizeProduct({0, kTooLarge, 2}), 0);
}

// What a kernel says that it needs never wraps: per key and per tile of rows, at every power of
// two.
TEST(Sizes, ScratchOfAKernelOnlyGrows) {
  struct Measured : Kernel {
    Measured() { scratch_bytes_ = 4096, key_bytes_ = 512, tile_rows_ = 24, tile_bytes_ = 1 << 14; }
  };
  const Measured kernel;
  EXPECT_EQ(kernel.scratch_bytes(3, 25), 4096 + 3 * 512 + 2 * (1 << 14));
  for (int rows = 0; rows < 63; ++rows) {
    int64_t last = 0;
    for (int keys = 0; keys < 63; ++keys) {
      const int64_t bytes = kernel.scratch_bytes(int64_t{1} << keys, int64_t{1} << rows);
      ASSERT_GE(bytes, last) << keys << ", " << rows;
      last = bytes;
    }
    EXPECT_EQ(last, kTooLarge);
  }
}

}  // namespace
}  // namespace jitattn::jit
