// Who shares memory with whom.

#include "runtime/memory_region.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace jitattn::runtime {
namespace {

// At address `base`; strides and counts of {batch, head, row}.
MemoryRegion Region(int64_t base, int64_t row_bytes, int64_t rows, int64_t row_stride,
                    int64_t heads = 1, int64_t head_stride = 0) {
  MemoryRegion region{.base = reinterpret_cast<const void*>(base),
                      .row_bytes = row_bytes,
                      .count = {1, heads, rows},
                      .stride = {0, head_stride, row_stride}};
  EXPECT_TRUE(region.Measure());
  return region;
}

TEST(MemoryRegion, RangesThatDoNotMeet) {
  EXPECT_FALSE(MayOverlap(Region(4096, 64, 10, 64), Region(4096 + 640, 64, 10, 64)));
  EXPECT_TRUE(MayOverlap(Region(4096, 64, 10, 64), Region(4096 + 639, 64, 10, 64)));
}

TEST(MemoryRegion, NegativeStridesReachBackwards) {
  const MemoryRegion region = Region(8192, 64, 10, -64);
  EXPECT_EQ(region.low, 8192 - 9 * 64);
  EXPECT_EQ(region.high, 8192 + 64);
  EXPECT_TRUE(MayOverlap(region, Region(8192 - 9 * 64, 1, 1, 0)));
  EXPECT_FALSE(MayOverlap(region, Region(8192 + 64, 1, 1, 0)));
}

// A token's q, k, v and out, 4 heads of 64 bytes each, side by side in rows of 1024 bytes.
TEST(MemoryRegion, InterleavedOperandsShareNothing) {
  const auto part = [](int64_t i) { return Region(4096 + i * 256, 64, 100, 1024, 4, 64); };
  EXPECT_FALSE(MayOverlap(part(3), part(0)));
  EXPECT_FALSE(MayOverlap(part(0), part(3)));
  EXPECT_TRUE(MayOverlap(part(2), part(2)));
  // One byte too far into the neighbour, from both sides.
  EXPECT_TRUE(MayOverlap(part(1), Region(4096 + 2 * 256 - 1, 256, 100, 1024)));
  EXPECT_TRUE(MayOverlap(part(1), Region(4096 + 1, 256, 100, 1024)));
  // Of other row lengths the interleaving is not the same everywhere.
  EXPECT_TRUE(MayOverlap(part(3), Region(4096, 256, 100, 1000)));
}

TEST(MemoryRegion, BroadcastInputsAreOneRow) {
  const MemoryRegion broadcast = Region(4096, 64, 100, 0);
  EXPECT_EQ(broadcast.high - broadcast.low, 64);
  EXPECT_FALSE(MayOverlap(Region(4096 + 64, 64, 100, 64), broadcast));
}

TEST(MemoryRegion, OwnRows) {
  EXPECT_FALSE(OverlapsItself(Region(4096, 64, 10, 64)));
  EXPECT_TRUE(OverlapsItself(Region(4096, 64, 10, 60)));
  EXPECT_TRUE(OverlapsItself(Region(4096, 64, 10, 0)));
  EXPECT_FALSE(OverlapsItself(Region(4096, 64, 1, 0)));
  EXPECT_TRUE(OverlapsItself(Region(4096, 64, 10, 640, 10, 640)));
  EXPECT_FALSE(OverlapsItself(Region(4096, 64, 10, 640, 10, 64)));
}

TEST(MemoryRegion, AddressesBeyondTheSpaceAreNoticed) {
  MemoryRegion region{.base = reinterpret_cast<const void*>(4096),
                      .row_bytes = 4,
                      .count = {1, 1, 3},
                      .stride = {0, 0, INT64_MAX / 2}};
  EXPECT_FALSE(region.Measure());
  region.stride[2] = INT64_MIN;
  EXPECT_FALSE(region.Measure());
  region.count[2] = 1;  // never used
  EXPECT_TRUE(region.Measure());
}

}  // namespace
}  // namespace jitattn::runtime
