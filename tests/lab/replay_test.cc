// Replay: the random baseline against enumeration, scores that must be 0 and 1, noise, seeds.

#include "lab/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "search/strategies/strategies.h"
#include "tests/mentions.h"
#include "tests/search/synthetic.h"

namespace jitattn::lab {
namespace {

// Strategies are asked for while tests are still being listed.
const bool all_strategies = (search::AddAllStrategies(), true);

Recording Record(const search::SyntheticSpace& synthetic, double noise) {
  Recording recording;
  recording.space = synthetic.space;
  Rng rng(77);
  for (const double cost : synthetic.cost) {
    RecordedPoint point;
    point.cost = cost;
    point.compile_seconds = 0.5;
    point.benchmark_seconds = 0.1;
    if (std::isinf(cost)) {
      point.error = "runtime";
    } else if (noise > 0) {
      double sum = 0;
      for (int i = 0; i < 16; ++i) {
        point.samples.push_back(cost * std::exp(noise * std::abs(rng.Normal())));
        sum += point.samples.back();
      }
      point.cost = sum / 16;
    }
    recording.points.push_back(point);
  }
  return recording;
}

Recording Line(const std::vector<double>& costs) {
  search::Parameter x{"x", {}};
  Recording recording;
  for (size_t i = 0; i < costs.size(); ++i) {
    x.values.push_back(static_cast<double>(i));
    RecordedPoint point;
    point.cost = costs[i];
    if (std::isinf(costs[i])) point.error = "runtime";
    recording.points.push_back(point);
  }
  recording.space = *search::Space::Create({x}, nullptr);
  return recording;
}

TEST(ReplayTest, ExpectedBestIsThatOfAllSubsets) {
  const std::vector<double> costs = {5, 3, 9, std::numeric_limits<double>::infinity(), 4, 3.5, 8};
  const Recording recording = Line(costs);
  const ReplaySpace space = *ReplaySpace::Create(recording);
  EXPECT_EQ(space.optimum(), 3);
  EXPECT_EQ(space.worst(), 9);
  for (int draws = 1; draws <= 7; ++draws) {
    double sum = 0;
    int subsets = 0;
    for (unsigned set = 0; set < 1u << 7; ++set) {
      if (std::popcount(set) != draws) continue;
      double least = 9;  // a failure counts as the slowest
      for (int i = 0; i < 7; ++i) {
        if (set >> i & 1) least = std::min(least, costs[i]);
      }
      sum += least;
      ++subsets;
    }
    EXPECT_NEAR(space.ExpectedBest(draws), sum / subsets, 1e-12) << draws;
  }
  EXPECT_EQ(space.DrawsToReach(1.0), 7);
  EXPECT_EQ(space.DrawsToReach(0.0), 2);  // one draw: 5.93 on average; the median is 5
  EXPECT_EQ(ScoreDraws(space, 100), space.DrawsToReach(kScoreShare));
  EXPECT_EQ(ScoreDraws(space, 3), 3);
}

TEST(ReplayTest, RandomScoresZeroAndTheOptimumOne) {
  const search::SyntheticSpace synthetic = search::MakeSynthetic(11, 4, 6);
  const Recording recording = Record(synthetic, 0);
  const ReplaySpace space = *ReplaySpace::Create(recording);
  ReplayOptions options;
  options.repeats = 400;
  const BudgetResult random = *ReplayAtBudget(space, "random", 36, options);
  EXPECT_NEAR(random.score, 0, 0.15);
  EXPECT_NEAR(*ReplayScore(space, "random", ScoreDraws(space, 1000), options), 0, 0.1);
  options.repeats = 2;
  const int all = recording.space.size();
  const BudgetResult exhaustive = *ReplayAtBudget(space, "exhaustive", all, options);
  EXPECT_EQ(exhaustive.score, 1);
  EXPECT_EQ(exhaustive.mean, 1);
  EXPECT_EQ(exhaustive.tenth_percentile, 1);
  EXPECT_EQ(exhaustive.within_5_percent, 1);
}

TEST(ReplayTest, AGoodStrategyScoresAboveABadOne) {
  const Recording recording = Record(search::MakeSynthetic(12, 5, 6), 0);
  const ReplaySpace space = *ReplaySpace::Create(recording);
  ReplayOptions options;
  options.repeats = 40;
  const double local = *ReplayScore(space, "local-search", ScoreDraws(space, 1000), options);
  EXPECT_GT(local, 0.3);
  EXPECT_LE(local, 1);
  const BudgetResult few = *ReplayAtBudget(space, "local-search", 18, options);
  const BudgetResult many = *ReplayAtBudget(space, "local-search", 100, options);
  EXPECT_GT(many.mean, few.mean);
  EXPECT_GE(many.mean, many.tenth_percentile);
  EXPECT_EQ(few.fractions.size(), 40);
  // The same seed gives the same runs, another one does not.
  EXPECT_EQ(ReplayAtBudget(space, "local-search", 18, options)->fractions, few.fractions);
  options.seed = 2;
  EXPECT_NE(ReplayAtBudget(space, "local-search", 18, options)->fractions, few.fractions);
}

TEST(ReplayTest, NoiseIsSeenByTheStrategyAndNotByTheJudge) {
  const Recording recording = Record(search::MakeSynthetic(13, 4, 6), 0.3);
  const ReplaySpace space = *ReplaySpace::Create(recording);
  ReplayOptions options;
  options.repeats = 20;
  const int all = recording.space.size();
  EXPECT_EQ(ReplayAtBudget(space, "exhaustive", all, options)->mean, 1);
  options.noisy = true;
  // With all points seen once each, the luckiest sample wins, which is rarely the best mean.
  const BudgetResult noisy = *ReplayAtBudget(space, "exhaustive", all, options);
  EXPECT_LT(noisy.mean, 1);
  EXPECT_GT(noisy.mean, 0.5);
  for (const double fraction : noisy.fractions) EXPECT_LE(fraction, 1);
}

TEST(ReplayTest, SeedsAreLookedAtFirst) {
  Recording recording = Line({5, 4, 1, 6, 7, 8, 9, 3});
  recording.seeds = {2, 7};
  const ReplaySpace space = *ReplaySpace::Create(recording);
  ReplayOptions options;
  options.repeats = 10;
  EXPECT_LT(ReplayAtBudget(space, "random", 1, options)->mean, 1);
  options.seeds = true;
  EXPECT_EQ(ReplayAtBudget(space, "random", 1, options)->mean, 1);
}

TEST(ReplayTest, TheStrategysOwnTimeIsCharged) {
  const Recording recording = Record(search::MakeSynthetic(12, 4, 6), 0);
  const ReplaySpace space = *ReplaySpace::Create(recording);
  EXPECT_NEAR(space.MeanEvaluationSeconds(), 0.6, 1e-12);
  ReplayOptions options;
  options.repeats = 40;
  const double free = *ReplayScore(space, "local-search", ScoreDraws(space, 1000), options);
  double now = 0;
  options.clock = [&now] { return now += 1.2; };  // 1.2 s between any two looks at it
  EXPECT_LT(*ReplayScore(space, "local-search", ScoreDraws(space, 1000), options), free - 0.2);
}

TEST(ReplayTest, Refuses) {
  const Recording recording = Line({1, 2});
  const ReplaySpace space = *ReplaySpace::Create(recording);
  ReplayOptions options;
  EXPECT_THAT(ReplayAtBudget(space, "rnd", 2, options).status().message(), Mentions({"rnd"}));
  options.repeats = 0;
  EXPECT_THAT(ReplayScore(space, "random", 2, options).status().message(), Mentions({"0"}));
  const Recording dead = Line({std::numeric_limits<double>::infinity()});
  EXPECT_FALSE(ReplaySpace::Create(dead).ok());
}

}  // namespace
}  // namespace jitattn::lab
