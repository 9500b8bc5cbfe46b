// Summaries, and how honest the interval of a paired ratio is under one-sided noise.

#include "runtime/statistics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gtest/gtest.h"

namespace jitattn::runtime {
namespace {

TEST(Summarise, KnownSamples) {
  const Statistics s = Summarise(std::vector<double>{4, 1, 3, 2, 10});
  EXPECT_EQ(s.samples, 5);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.max, 10);
  EXPECT_DOUBLE_EQ(s.mean, 4);
  EXPECT_DOUBLE_EQ(s.median, 3);
  EXPECT_DOUBLE_EQ(s.mad, 1);  // of 2 1 0 1 7
  EXPECT_DOUBLE_EQ(s.std, std::sqrt(12.5));
  EXPECT_DOUBLE_EQ(s.cv, std::sqrt(12.5) / 4);
  EXPECT_DOUBLE_EQ(s.p95, 4 + 0.8 * 6);
  EXPECT_DOUBLE_EQ(s.p99, 4 + 0.96 * 6);
}

TEST(Summarise, NoneAndOne) {
  EXPECT_EQ(Summarise({}).samples, 0);
  const Statistics s = Summarise(std::vector<double>{2});
  EXPECT_EQ(s.std, 0);
  EXPECT_EQ(s.p99, 2);
  EXPECT_EQ(s.mad, 0);
}

TEST(LowQuantile, IsTheThirdSmallestAndThenTheDecile) {
  std::vector<double> samples;
  for (int i = 1; i <= 41; ++i) {
    samples.push_back(i);
    if (i >= 5 && i <= 21) {
      EXPECT_NEAR(LowQuantile(samples), 3, 1e-12) << i;
    }
  }
  EXPECT_NEAR(LowQuantile(samples), 5, 1e-12);
  EXPECT_EQ(LowQuantile(std::vector<double>{7}), 7);
}

TEST(PairedRatio, TooFewRoundsTellNothing) {
  const std::vector<double> a(kMinRounds - 1, 2.0), b(kMinRounds - 1, 1.0);
  const Ratio ratio = PairedRatio(a, b);
  EXPECT_EQ(ratio.value, 2);
  EXPECT_EQ(ratio.low, 0);
  EXPECT_EQ(ratio.high, std::numeric_limits<double>::infinity());
}

// A study once reported a 36-fold gain that one outlier of its baseline had made.
TEST(PairedRatio, OneHugeOutlierOfTheBaselineMakesNoGain) {
  std::vector<double> base(15, 1.0), candidate(15, 1.0);
  base[7] = 540;
  const Ratio ratio = PairedRatio(base, candidate);
  EXPECT_DOUBLE_EQ(ratio.value, 1);
  EXPECT_DOUBLE_EQ(ratio.low, 1);
  EXPECT_DOUBLE_EQ(ratio.high, 1);
}

TEST(LowRatio, SameSeedSameInterval) {
  Rng rng(5);
  std::vector<double> a, b;
  for (int i = 0; i < 21; ++i) a.push_back(1 + rng.Uniform()), b.push_back(1 + rng.Uniform());
  const Ratio one = LowRatio(a, b, 3), two = LowRatio(a, b, 3), other = LowRatio(a, b, 4);
  EXPECT_EQ(one.low, two.low);
  EXPECT_EQ(one.high, two.high);
  EXPECT_TRUE(other.low != one.low || other.high != one.high);
}

TEST(PairedRatio, WhatSlowsAWholeRoundCancels) {
  Rng rng(6);
  std::vector<double> a, b;
  for (int i = 0; i < 15; ++i) {
    const double round = 1 + rng.Uniform();  // twice as slow in the worst of them
    a.push_back(1.03 * round);
    b.push_back(round);
  }
  const Ratio ratio = PairedRatio(a, b);
  EXPECT_NEAR(ratio.low, 1.03, 1e-9);
  EXPECT_NEAR(ratio.high, 1.03, 1e-9);
}

TEST(MedianRatio, IsTheSignTests) {
  std::vector<double> a, b;
  for (int i = 0; i < 21; ++i) a.push_back(100 + (i * 8) % 21), b.push_back(100);
  const Ratio ratio = MedianRatio(a, b);
  EXPECT_DOUBLE_EQ(ratio.value, 1.10);
  // Of 21 tosses, at most 5 are heads in 1.3 % of cases, at most 6 in 3.9 %.
  EXPECT_DOUBLE_EQ(ratio.low, 1.05);
  EXPECT_DOUBLE_EQ(ratio.high, 1.15);
  a.resize(kMinRounds - 1);
  EXPECT_EQ(MedianRatio(a, b).low, 0);
  EXPECT_EQ(MedianRatio(a, b).high, std::numeric_limits<double>::infinity());
}

TEST(PairedRatio, ReachesOverBothViews) {
  Rng rng(7);
  std::vector<double> a, b;
  for (int i = 0; i < 21; ++i) {  // b is faster while the machine is slow, and slower else
    const bool slow = i >= 9;
    a.push_back((slow ? 1.1 : 1) + 0.002 * rng.Uniform());
    b.push_back((slow ? 1.05 : 1.01) + 0.002 * rng.Uniform());
  }
  const Ratio low = LowRatio(a, b), median = MedianRatio(a, b), both = PairedRatio(a, b);
  EXPECT_LT(low.high, 1);
  EXPECT_GT(median.high, 1.04);
  EXPECT_EQ(both.value, median.value);
  EXPECT_LE(both.low, std::min(low.low, median.low));
  EXPECT_GE(both.high, median.high);
}

TEST(PairedRatio, ReachesOverEveryQuarterOfTheRounds) {
  std::vector<double> a(40, 1.03), b(40, 1);
  for (int i = 30; i < 40; ++i) b[i] = 1.05;  // too late to move the median or a low quantile
  EXPECT_GT(LowRatio(a, b).low, 1.02);
  EXPECT_GT(MedianRatio(a, b).low, 1.02);
  EXPECT_DOUBLE_EQ(PairedRatio(a, b).low, 1.03 / 1.05);
}

// ---- Coverage by simulation: the interval claims 95 % -----------------------------------------

struct Noise {
  std::string name;
  std::function<double(Rng&)> factor;
};

double Exponential(Rng& rng) { return -std::log(1 - rng.Uniform()); }

class Coverage : public testing::TestWithParam<Noise> {};

TEST_P(Coverage, IsAsClaimed) {
  constexpr double kTruth = 1.02;
  constexpr int kTrials = 400;
  for (const int rounds : {kMinRounds, 15, 25}) {
    const uint64_t seed = 1000 + rounds;
    Rng rng(seed);
    int covered = 0, median_covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> a, b;
      for (int i = 0; i < rounds; ++i) {
        const double round = 1 + 0.002 * std::abs(rng.Normal());  // common to both
        a.push_back(kTruth * round * GetParam().factor(rng));
        b.push_back(round * GetParam().factor(rng));
      }
      const Ratio ratio = LowRatio(a, b, trial);
      covered += ratio.low <= kTruth && kTruth <= ratio.high;
      const Ratio median = MedianRatio(a, b);
      median_covered += median.low <= kTruth && kTruth <= median.high;
    }
    EXPECT_GE(median_covered, kTrials * 92 / 100) << rounds << " rounds, seed " << seed;
    // 95 % of 400 trials has a standard error of 1.1 points: 92 % is less than three away. A
    // bootstrap of the minimum would be at 80 %.
    EXPECT_GE(covered, kTrials * 92 / 100) << rounds << " rounds, seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    OneSided, Coverage,
    testing::Values(Noise{"half_normal", [](Rng& r) { return 1 + 0.003 * std::abs(r.Normal()); }},
                    Noise{"exponential", [](Rng& r) { return 1 + 0.01 * Exponential(r); }},
                    Noise{"quarter_slow",
                          [](Rng& r) {
                            return 1 + 0.001 * std::abs(r.Normal()) +
                                   (r.Chance(0.25) ? 0.05 * Exponential(r) : 0.0);
                          }},
                    Noise{"half_slow",
                          [](Rng& r) {
                            return 1 + 0.002 * std::abs(r.Normal()) +
                                   (r.Chance(0.5) ? 0.1 * r.Uniform() : 0.0);
                          }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace jitattn::runtime
