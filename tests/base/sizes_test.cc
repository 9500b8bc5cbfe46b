// Sizes that do not wrap.

#include "base/sizes.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace jitattn {
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

}  // namespace
}  // namespace jitattn
