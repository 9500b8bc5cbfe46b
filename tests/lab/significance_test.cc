// Against values that are in every table of the signed-rank test.

#include "lab/replay/significance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace jitattn::lab {
namespace {

TEST(SignificanceTest, WilcoxonExact) {
  const std::vector<double> zero(5, 0.0), up = {1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(WilcoxonSignedRank(up, zero), 2.0 / 32);  // all five positive
  EXPECT_DOUBLE_EQ(WilcoxonSignedRank(zero, up), 2.0 / 32);
  // W = 1: the patterns {} and {1}.
  EXPECT_DOUBLE_EQ(WilcoxonSignedRank({{-1, 2, 3, 4, 5}}, zero), 4.0 / 32);
  EXPECT_DOUBLE_EQ(WilcoxonSignedRank({{1, -2, 3, -4, 5}}, {{1, -2, 3, -4, 5}}), 1.0);
  // The critical value for 10 pairs at 5 % is W = 8: P = 2 · 25 / 1024.
  const std::vector<double> ten = {1, 2, 3, 4, 5, 6, 7, -8, 9, 10}, none(10, 0.0);
  EXPECT_DOUBLE_EQ(WilcoxonSignedRank(ten, none), 50.0 / 1024);
}

TEST(SignificanceTest, WilcoxonApproximationMeetsTheExactOne) {
  std::vector<double> a, zero(26, 0.0);
  for (int i = 1; i <= 26; ++i) a.push_back(i % 3 == 0 ? -i : i);
  const double large = WilcoxonSignedRank(a, zero);  // 26 pairs: approximated
  // W = 3 + 6 + … + 24 = 108 of 351; mean 175.5, variance 26·27·53/24.
  const double z = (175.5 - 108 - 0.5) / std::sqrt(26 * 27 * 53 / 24.0);
  EXPECT_NEAR(large, std::erfc(z / std::sqrt(2.0)), 1e-12);
  // One tie among 12 pairs switches to the approximation, which must be near.
  std::vector<double> b = {1, 2, 3, 4, 5, 6, -7, 8, 9, -10, 11, 12}, none(12, 0.0);
  const double exact = WilcoxonSignedRank(b, none);
  b[0] = 2;
  EXPECT_NEAR(WilcoxonSignedRank(b, none), exact, 0.01);
}

TEST(SignificanceTest, Holm) {
  EXPECT_THAT(Holm(std::vector<double>{0.01, 0.04, 0.03, 0.005}),
              ::testing::Pointwise(::testing::DoubleNear(1e-12),
                                   std::vector<double>{0.03, 0.06, 0.06, 0.02}));
  EXPECT_THAT(Holm(std::vector<double>{0.6, 0.7}), ::testing::ElementsAre(1.0, 1.0));
}

}  // namespace
}  // namespace jitattn::lab
