// Which regions share memory.

#include "ops/memory_region.h"

#include <cstdint>
#include <cstdlib>
#include <random>

#include "gtest/gtest.h"

namespace jitattn::ops {
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

// Rows whose elements lie apart. `base`, rows, and elements in them; distances of both.
MemoryRegion Spread(int64_t base, int64_t rows, int64_t row_stride, int64_t count, int64_t stride) {
  MemoryRegion region{.base = reinterpret_cast<const void*>(base),
                      .row_bytes = 4,
                      .count = {1, 1, rows, count},
                      .stride = {0, 0, row_stride, stride}};
  EXPECT_TRUE(region.Measure());
  return region;
}

TEST(MemoryRegion, ElementsMayLieApart) {
  // Between each other's elements, and in the same rows without meeting.
  EXPECT_FALSE(MayOverlap(Spread(4096, 10, 128, 16, 8), Spread(4096 + 4, 10, 128, 16, 8)));
  EXPECT_TRUE(MayOverlap(Spread(4096, 10, 128, 16, 8), Spread(4096 + 8, 10, 128, 16, 8)));
  EXPECT_TRUE(MayOverlap(Spread(4096, 10, 128, 16, 8), Spread(4096 + 2, 10, 128, 16, 8)));
  EXPECT_FALSE(MayOverlap(Spread(4096, 10, 128, 8, 8), Spread(4096 + 64, 10, 128, 8, 8)));
  EXPECT_FALSE(MayOverlap(Spread(4096, 10, 128, 8, 8), Spread(4096 + 120, 10, 128, 8, -8)));
  EXPECT_TRUE(MayOverlap(Spread(4096, 10, 128, 8, 8), Spread(4096 + 112, 10, 128, 8, -8)));
  EXPECT_FALSE(MayOverlap(Spread(4096, 10, 128, 8, 8), Region(4096 + 64, 64, 10, 128)));
  EXPECT_TRUE(MayOverlap(Spread(4096, 10, 128, 8, 8), Region(4096 + 56, 64, 10, 128)));
  // Columns of a matrix.
  EXPECT_FALSE(OverlapsItself(Spread(4096, 10, 4, 16, 40)));
  EXPECT_TRUE(OverlapsItself(Spread(4096, 11, 4, 16, 40)));
  EXPECT_TRUE(OverlapsItself(Spread(4096, 10, 8, 16, 10)));
  EXPECT_TRUE(OverlapsItself(Spread(4096, 10, 4, 16, 2)));
  MemoryRegion all = Spread(4096, 10, 4, 16, 40);
  all.count[0] = 2, all.count[1] = 3, all.stride[0] = -640, all.stride[1] = 1280;
  EXPECT_FALSE(OverlapsItself(all));
  all.stride[0] = 600;
  EXPECT_TRUE(OverlapsItself(all));
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

// By all differences of indices.
bool RowsMeet(const MemoryRegion& r) {
  for (int64_t a = 1 - r.count[0]; a < r.count[0]; ++a) {
    for (int64_t b = 1 - r.count[1]; b < r.count[1]; ++b) {
      for (int64_t c = 1 - r.count[2]; c < r.count[2]; ++c) {
        const int64_t apart = a * r.stride[0] + b * r.stride[1] + c * r.stride[2];
        if ((a != 0 || b != 0 || c != 0) && std::llabs(apart) < r.row_bytes) return true;
      }
    }
  }
  return false;
}

// Strides of which none equals another too: rows of 2, heads of 3 elements.
TEST(MemoryRegion, OwnRowsAreToldExactly) {
  EXPECT_TRUE(OverlapsItself(Region(4096, 4, 4, 8, 4, 12)));
  constexpr uint64_t kSeed = 5;
  std::mt19937_64 random(kSeed);
  int meet = 0, apart = 0;
  for (int i = 0; i < 300000; ++i) {
    MemoryRegion region{.base = reinterpret_cast<const void*>(4096)};
    region.row_bytes = 1 + static_cast<int64_t>(random() % 6);
    const int64_t most = random() % 16 == 0 ? 40 : 6;
    for (int d = 0; d < 3; ++d) {
      region.count[d] = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most));
      if (d == 0 && most > 6) region.count[d] = 1;
      region.stride[d] = random() % 4 == 0 ? region.row_bytes * static_cast<int64_t>(random() % 8)
                                           : static_cast<int64_t>(random() % 201) - 100;
    }
    const bool expected = RowsMeet(region);
    ++(expected ? meet : apart);
    ASSERT_EQ(OverlapsItself(region), expected)
        << "seed " << kSeed << ", case " << i << ": rows of " << region.row_bytes << ", counts "
        << region.count[0] << " " << region.count[1] << " " << region.count[2] << ", strides "
        << region.stride[0] << " " << region.stride[1] << " " << region.stride[2];
  }
  EXPECT_GT(meet, 10000);
  EXPECT_GT(apart, 10000);
}

TEST(MemoryRegion, LargeRowsAndStridesAreToldToo) {
  constexpr int64_t kHuge = int64_t{1} << 40;
  // Coprime strides meet where n · a = m · b.
  EXPECT_FALSE(OverlapsItself(Region(4096, 4096, 1000, kHuge + 4096, 1000, kHuge - 8192)));
  EXPECT_TRUE(OverlapsItself(Region(4096, 4096, 1000, 8 * 4096, 1000, 12 * 4096)));
  MemoryRegion region = Region(4096, 64, 3000, 3001 * 64, 3001, 3000 * 64);
  EXPECT_FALSE(OverlapsItself(region));
  region.count[1] = 3002;  // 3001 heads are as far as 3000 rows
  region.count[2] = 3001;
  ASSERT_TRUE(region.Measure());
  EXPECT_TRUE(OverlapsItself(region));
}

TEST(MemoryRegion, AddressesBeyondTheSpaceAreNoticed) {
  MemoryRegion region{.base = reinterpret_cast<const void*>(4096),
                      .row_bytes = 4,
                      .count = {1, 1, 3},
                      .stride = {0, 0, INT64_MAX / 2}};
  EXPECT_FALSE(region.Measure());
  region.stride[2] = INT64_MIN;
  EXPECT_FALSE(region.Measure());
  region.count[2] = 2;  // below address 0
  EXPECT_FALSE(region.Measure());
  region.stride[2] = -4097;
  EXPECT_FALSE(region.Measure());
  region.stride[2] = -4096;
  EXPECT_TRUE(region.Measure());
  region.stride[2] = INT64_MIN;
  region.count[2] = 1;  // never used
  EXPECT_TRUE(region.Measure());
}

}  // namespace
}  // namespace jitattn::ops
