// Random numbers: their laws, and that they stay what they are.

#include "base/rng.h"

#include <cmath>
#include <functional>
#include <ostream>

#include "gtest/gtest.h"

namespace jitattn {
namespace {

struct Law {
  const char* name;
  double (Rng::*draw)();
  double beyond_3;  // the share of numbers farther than 3 from 0
};

void PrintTo(const Law& law, std::ostream* os) { *os << law.name; }

class NormalTest : public testing::TestWithParam<Law> {};

TEST_P(NormalTest, HasItsMoments) {
  constexpr int kCount = 200000;
  Rng rng(3);
  double sum = 0, squares = 0, beyond_2 = 0, beyond_3 = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = (rng.*GetParam().draw)();
    sum += x;
    squares += x * x;
    beyond_2 += std::abs(x) > 2;
    beyond_3 += std::abs(x) > 3;
  }
  // Standard errors: 0.0022, 0.0032, 0.0005, 0.0001; a normal distribution has 4.6 % beyond two.
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1, 0.015);
  EXPECT_NEAR(beyond_2 / kCount, 0.045, 0.008);
  EXPECT_NEAR(beyond_3 / kCount, GetParam().beyond_3, 0.0006);
}

INSTANTIATE_TEST_SUITE_P(Laws, NormalTest,
                         testing::Values(Law{"Normal", &Rng::Normal, 0.0027},
                                         Law{"NearlyNormal", &Rng::NearlyNormal, 0.0004}),
                         [](const auto& info) { return info.param.name; });

// Operands of recorded runs are drawn again from their seed.
TEST(RngTest, DrawsTheSameForEver) {
  Rng rng(1);
  EXPECT_EQ(rng.Bits(), 0x910a2dec89025cc1);
  EXPECT_EQ(Rng(2).Bits(), Rng(2).Bits());
  EXPECT_NE(Rng(2).Bits(), Rng(3).Bits());
}

}  // namespace
}  // namespace jitattn
