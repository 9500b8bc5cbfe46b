// Law 4 as a function of timings: which challenger is chosen, which configuration wins, and when
// the incumbent stays.

#include "runtime/confirm.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/sigmoid_mul/algorithms.h"

namespace jitattn::runtime {
namespace {

using jit::SigmoidMulConfig;
using testing::HasSubstr;

constexpr int kRounds = 21;

// Finalists whose true times are given, the last the challenger unless it is the record; each round
// with one-sided noise of this mean.
Finalists Race(const std::vector<double>& times, std::optional<int> record = std::nullopt,
               double noise = 0.002, uint64_t seed = 1) {
  Rng rng(seed);
  const int last = static_cast<int>(times.size()) - 1;
  Finalists f{.record = record};
  if (record != last) f.challenger = last;
  for (size_t i = 0; i < times.size(); ++i) {
    f.configs.push_back(SigmoidMulConfig{.vecs = static_cast<int>(i) + 1});
    f.seconds.emplace_back();
  }
  for (int r = 0; r < kRounds; ++r) {
    for (size_t i = 0; i < times.size(); ++i) {
      f.seconds[i].push_back(times[i] * (1 - noise * std::log(1 - rng.Uniform())));
    }
  }
  return f;
}

TEST(Compare, Intervals) {
  EXPECT_EQ(Compare({1.05, 1.03, 1.07}), Comparison::kFaster);
  EXPECT_EQ(Compare({0.95, 0.93, 0.97}), Comparison::kSlower);
  EXPECT_EQ(Compare({1.0, 0.995, 1.005}), Comparison::kTie);
  EXPECT_EQ(Compare({1.005, 1.001, 1.009}), Comparison::kTie);  // significant, but within 1 %
  EXPECT_EQ(Compare({1.02, 0.99, 1.05}), Comparison::kUnclear);
  EXPECT_EQ(Compare({1.011, 1.001, 1.02}), Comparison::kFaster);
  // A tie goes to the incumbent even if the interval is too wide to prove the tie.
  EXPECT_EQ(Compare({1.006, 1.001, 1.012}), Comparison::kUnclear);
  EXPECT_EQ(Compare({0.994, 0.985, 0.999}), Comparison::kNotAhead);
  EXPECT_EQ(Compare({1.004, 0, INFINITY}), Comparison::kNotAhead);  // a race that ended early
}

TEST(Decide, AClearGainWins) {
  const Decision d = Decide(Race({1.0, 0.9}), false, 1);
  EXPECT_EQ(d.winner, 1);
  EXPECT_NEAR(d.gain.value, 1 / 0.9, 0.005);
  EXPECT_LE(d.gain.low, 1 / 0.9);
  EXPECT_GE(d.gain.high, 1 / 0.9);
  EXPECT_THAT(d.why, HasSubstr("11."));  // per cent
}

// A challenger equal to the default, 200 times. With noise of 10 %, some of the 5 % false positives
// of the intervals may show; with less noise, all are within the margin of a tie.
TEST(Decide, NoiseAloneDoesNotBeatTheDefault) {
  for (const double noise : {0.001, 0.01, 0.1}) {
    int beaten = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
      beaten += Decide(Race({1, 1}, std::nullopt, noise, seed), false, seed).winner != 0;
    }
    EXPECT_LE(beaten, noise < 0.05 ? 0 : 4) << "noise " << noise << ", seeds 1 to 200";
  }
}

TEST(Decide, ASteadyGainOfTwoPerCentWins) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(Decide(Race({1.0, 0.98}, std::nullopt, 0.005, seed), false, seed).winner, 1) << seed;
    EXPECT_EQ(Decide(Race({1.0, 0.995}, std::nullopt, 0.005, seed), false, seed).winner, 0) << seed;
  }
}

// The low quantiles alone would see a gain here.
TEST(Decide, WhatSomePlacesInMemoryFavourDoesNotWin) {
  Finalists f = Race({1.0, 1.005}, std::nullopt, 0.002);
  for (int r = 0; r < kRounds; ++r) f.seconds[1][r] *= r % 5 < 2 ? 0.95 : 1;
  EXPECT_EQ(Compare(LowRatio(f.seconds[0], f.seconds[1])), Comparison::kFaster);
  EXPECT_EQ(Decide(f, false, 1).winner, 0);
}

// Neighbours that fill the caches for seconds at a time: the median alone would see a gain.
TEST(Decide, WhatWinsOnlyWhileTheMachineIsSlowDoesNotWin) {
  Finalists f = Race({1.0, 1.01}, std::nullopt, 0.002);
  for (int r = 5; r < kRounds; ++r) f.seconds[0][r] *= 1.11, f.seconds[1][r] *= 1.06;
  EXPECT_EQ(Compare(MedianRatio(f.seconds[0], f.seconds[1])), Comparison::kFaster);
  EXPECT_EQ(Decide(f, false, 1).winner, 0);
}

TEST(Decide, ATieGoesToTheDefault) {
  const Decision d = Decide(Race({1.0, 0.994}, std::nullopt, 0.0005), false, 1);
  EXPECT_EQ(d.winner, 0);
  EXPECT_EQ(d.gain.value, 1);
}

TEST(Decide, WhatIsInconclusiveKeepsTheDefault) {
  const Decision d = Decide(Race({1.0, 0.95}, std::nullopt, 0.3, 1), false, 1);
  EXPECT_EQ(d.winner, 0) << d.why;
}

TEST(Decide, ARaceThatEndedEarlySaysThatTheChallengerIsNotAhead) {
  Finalists f = Race({1.0, 1.002});
  for (auto& seconds : f.seconds) seconds.resize(kMinRounds / 2);
  const Decision d = Decide(f, false, 1);
  EXPECT_EQ(d.winner, 0);
  for (auto& seconds : f.seconds) seconds.clear();
  EXPECT_NE(Decide(f, false, 1).why, d.why);
}

// A study's 36-fold gain came from one outlier of its baseline.
TEST(Decide, AnOutlierOfTheDefaultIsNoGain) {
  Finalists f = Race({1, 1}, std::nullopt, 0.001);
  f.seconds[0][4] = 36;
  EXPECT_EQ(Decide(f, false, 1).winner, 0);
}

TEST(Decide, TooFewRoundsChangeNothing) {
  Finalists f = Race({1.0, 0.5});
  for (auto& seconds : f.seconds) seconds.resize(kMinRounds - 1);
  EXPECT_EQ(Decide(f, false, 1).winner, 0);
  for (auto& seconds : f.seconds) seconds.clear();
  EXPECT_EQ(Decide(f, false, 1).winner, 0);
}

TEST(Decide, AChallengerMustBeatTheRecordToo) {
  // Faster than the default, slower than the record.
  Decision d = Decide(Race({1.0, 0.8, 0.85}, 1), false, 1);
  EXPECT_EQ(d.winner, 1) << d.why;
  EXPECT_NEAR(d.gain.value, 1.25, 0.01);
  // A tie with the record leaves it too.
  d = Decide(Race({1.0, 0.8, 0.797}, 1, 0.0005), false, 1);
  EXPECT_EQ(d.winner, 1) << d.why;
  d = Decide(Race({1.0, 0.8, 0.7}, 1), false, 1);
  EXPECT_EQ(d.winner, 2);
  EXPECT_THAT(d.why, HasSubstr("14."));  // per cent, over the record
}

TEST(Decide, ARecordThatIsNoBetterThanTheDefaultGoes) {
  EXPECT_EQ(Decide(Race({1.0, 1.1}, 1), false, 1).winner, 0);
  EXPECT_EQ(Decide(Race({1.0, 0.997}, 1, 0.0005), false, 1).winner, 0);
  // The record is not shown to be worse or equal, so it stays.
  EXPECT_EQ(Decide(Race({1.0, 0.97}, 1, 0.3, 3), false, 1).winner, 1);
  // A search that was cut short does not take a complete record away by a tie, only by a win.
  EXPECT_EQ(Decide(Race({1.0, 0.997}, 1, 0.0005), true, 1).winner, 1);
  EXPECT_EQ(Decide(Race({1.0, 1.1}, 1), true, 1).winner, 0);
}

TEST(Choose, TheFastestAndAmongThoseAsFastByTheFixedKey) {
  const Finalists f = Race({0.801, 0.8, 0.7995, 0.82}, std::nullopt, 0.0001);
  std::vector<ops::Config> configs = {
      SigmoidMulConfig{.threads = 4, .vecs = 2}, SigmoidMulConfig{.threads = 2, .vecs = 6},
      SigmoidMulConfig{.threads = 4, .vecs = 3}, SigmoidMulConfig{.threads = 1, .vecs = 1}};
  EXPECT_EQ(Choose(configs, f.seconds), 1u);  // fewest threads
  configs[1].set_threads(4);
  EXPECT_EQ(Choose(configs, f.seconds), 0u);  // then the smallest values
}

TEST(PrefersFirst, ThreadsThenFieldsAndNeverItself) {
  const jit::TilesConfig a{.threads = 1, .q_vecs = 8}, b{.threads = 2, .q_vecs = 2};
  EXPECT_TRUE(PrefersFirst(a, b));
  EXPECT_FALSE(PrefersFirst(b, a));
  EXPECT_FALSE(PrefersFirst(a, a));
}

}  // namespace
}  // namespace jitattn::runtime
