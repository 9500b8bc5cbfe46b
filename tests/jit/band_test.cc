// The keys that a query sees, counted one by one.

#include "jit/attention/band.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace jitattn::jit {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(BandTest, IsItsDefinition) {
  std::mt19937_64 random(1);
  const auto draw = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % (high - low + 1));
  };
  for (int i = 0; i < 5000; ++i) {
    const int64_t queries = draw(0, 12), keys = draw(0, 12);
    Band band{.left = draw(-20, 20), .right = draw(-20, 20)};
    if (i % 5 == 0) band.left = -Band::kFar;
    if (i % 7 == 0) band.right = Band::kFar;
    const Band clipped = band.Clipped(queries, keys), later = band.From(3, 2);
    double pairs = 0;
    for (int64_t query = 0; query < queries; ++query) {
      for (int64_t key = 0; key < keys; ++key) {
        const bool sees = query + band.left <= key && key <= query + band.right;
        pairs += sees;
        ASSERT_EQ(band.Keys(query, keys).Has(key), sees);
        ASSERT_EQ(clipped.Keys(query, keys).Has(key), sees);
        ASSERT_EQ(band.Queries(key, queries).Has(query), sees);
        ASSERT_EQ(later.Keys(query - 3, keys).Has(key - 2), sees && key >= 2);
      }
    }
    ASSERT_EQ(band.Pairs(queries, keys), pairs) << band.left << " " << band.right;
  }
}

TEST(BandTest, HasTheEndsOfItsMask) {
  EXPECT_EQ(Band::Of(Mask::kNone, 5, -5).Keys(3, 7).size(), 7);
  EXPECT_EQ(Band::Of(Mask::kCausal, 5, 1).Keys(3, 7).size(), 5);
  EXPECT_EQ(Band::Of(Mask::kWindow, -1, 1).Keys(3, 7).size(), 3);
}

TEST(BandTest, NoEndOverflows) {
  EXPECT_EQ(Band::Of(Mask::kWindow, kMin, kMax).Keys(1 << 30, 7).size(), 7);
  EXPECT_EQ(Band::Of(Mask::kWindow, kMax, kMax).Keys(1 << 30, 7).size(), 0);
  EXPECT_EQ(Band::Of(Mask::kWindow, kMin, kMin).Keys(1 << 30, 7).size(), 0);
  EXPECT_EQ(Band::Of(Mask::kCausal, 0, kMax).Queries(6, 9).size(), 9);
  const int64_t many = int64_t{1} << 40;
  EXPECT_EQ(Band().Pairs(1, many), static_cast<double>(many));
}

}  // namespace
}  // namespace jitattn::jit
