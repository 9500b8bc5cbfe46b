// Fronts and sums of known values, and tunings under constraints: no clock decides here.

#include "runtime/objectives.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/confirm.h"
#include "runtime/tuner.h"
#include "scripted_measurer.h"
#include "search/strategies/strategies.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

// Strategies are asked for while tests are still being listed.
const bool all_strategies = (search::AddAllStrategies(), true);

using jit::SigmoidMulConfig;
using ops::Config;
using testing::ElementsAre;
using Outcome = Evaluation::Outcome;

constexpr Objective kAll[] = {Objective::kTime, Objective::kMemory, Objective::kError};

Evaluation Point(double seconds, int64_t bytes, double error, int vecs = 1) {
  Evaluation e{.outcome = Outcome::kMeasured, .config = SigmoidMulConfig{.vecs = vecs}};
  e.seconds.min = seconds;
  e.scratch_bytes = bytes;
  e.max_error = error;
  return e;
}

std::vector<size_t> Front(const std::vector<Evaluation>& points,
                          std::span<const Objective> objectives) {
  std::vector<const Evaluation*> pointers;
  for (const Evaluation& point : points) pointers.push_back(&point);
  return ParetoFront(pointers, objectives);
}

TEST(ParetoFront, IsExact) {
  const std::vector<Evaluation> points = {
      Point(1.0, 900, 5e-7),  // 0: the fastest
      Point(1.2, 400, 5e-7),  // 1: less memory
      Point(1.2, 500, 4e-7),  // 2: less error, but not less memory
      Point(1.3, 400, 5e-7),  // 3: as 1 and slower
      Point(2.0, 100, 1e-7),  // 4: least of both
      Point(2.5, 100, 1e-7),  // 5: as 4 and slower
      Point(3.0, 950, 9e-7),  // 6: worse in everything
  };
  EXPECT_THAT(Front(points, kAll), ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(Front(points, std::vector{Objective::kTime, Objective::kMemory}),
              ElementsAre(0, 1, 4));
  EXPECT_THAT(Front(points, std::vector{Objective::kTime}), ElementsAre(0));
  EXPECT_TRUE(Front({}, kAll).empty());
}

// Within 1 % times are the same: then the other values decide, and then the fixed key.
TEST(ParetoFront, TiesOfTime) {
  EXPECT_THAT(Front({Point(1.0, 900, 1e-7), Point(1.009, 100, 1e-7)}, kAll), ElementsAre(1));
  EXPECT_THAT(Front({Point(1.0, 900, 1e-7), Point(1.011, 100, 1e-7)}, kAll), ElementsAre(0, 1));
  EXPECT_THAT(
      Front({Point(1.0, 100, 1e-7, 6), Point(1.005, 100, 1e-7, 2), Point(1.02, 100, 1e-7, 1)},
            kAll),
      ElementsAre(1));
}

// A chain of ties does not remove the fastest end of the front: every dominated point is dominated
// by a member of the front.
TEST(ParetoFront, WhateverIsLeftOutIsBeatenByAMember) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Evaluation> points;
    for (int i = 0; i < 40; ++i) {
      points.push_back(Point(1 + 0.05 * rng.Uniform(), 100 * rng.Below(5),
                             1e-7 * (1 + rng.Below(4)), 1 + rng.Below(8)));
    }
    const std::vector<size_t> front = Front(points, kAll);
    for (size_t i = 0; i < points.size(); ++i) {
      const bool covered = std::any_of(front.begin(), front.end(), [&](size_t member) {
        const Evaluation &a = points[member], &b = points[i];
        return a.seconds.min <= 1.01 * b.seconds.min && a.scratch_bytes <= b.scratch_bytes &&
               a.max_error <= b.max_error;
      });
      EXPECT_TRUE(covered) << "round " << round << ", point " << i;
    }
    for (const size_t a : front) {
      for (const size_t b : front) {
        if (a == b) continue;
        EXPECT_FALSE(points[a].seconds.min <= points[b].seconds.min &&
                     points[a].scratch_bytes <= points[b].scratch_bytes &&
                     points[a].max_error <= points[b].max_error &&
                     points[a].scratch_bytes < points[b].scratch_bytes)
            << "round " << round;
      }
    }
  }
}

// A point inside a dent of the front is smallest for some weights; a weighted sum would never find
// it.
TEST(Scalarise, ReachesDentsOfTheFront) {
  const std::vector<Objective> two = {Objective::kTime, Objective::kMemory};
  const Evaluation unit = Point(1, 1000000, 0);
  const Evaluation fast = Point(1, 1000000, 0), dent = Point(1.9, 900000, 0),
                   small = Point(2.0, 100000, 0);
  const std::vector<double> weights = {0.33, 0.67};
  const double in_dent = Scalarise(dent, unit, two, weights);
  EXPECT_LT(in_dent, Scalarise(fast, unit, two, weights));
  EXPECT_GT(in_dent, 0);
  // Better in one and the same in the largest term is better in all.
  EXPECT_LT(Scalarise(Point(1.9, 800000, 0), unit, two, std::vector{0.9, 0.1}),
            Scalarise(dent, unit, two, std::vector{0.9, 0.1}));
  EXPECT_GT(Scalarise(small, unit, two, std::vector{1.0, 0.0}),
            Scalarise(dent, unit, two, std::vector{1.0, 0.0}));
  // No scratch at all is no division by zero.
  EXPECT_TRUE(std::isfinite(Scalarise(fast, Point(1, 0, 0), two, weights)));
}

TEST(Directions, TimeAloneFirstAndEveryOneOfPositiveTime) {
  EXPECT_THAT(Directions(std::vector{Objective::kTime}), ElementsAre(ElementsAre(1)));
  EXPECT_EQ(Directions(kAll).size(), 6u);
  EXPECT_THAT(Directions(kAll).front(), ElementsAre(1, 0, 0));
  for (const auto& weights : Directions(kAll)) {
    EXPECT_GT(weights[0], 0);
    EXPECT_NEAR(weights[0] + weights[1] + weights[2], 1, 1e-12);
  }
}

TEST(Constraints, SayWhatIsBroken) {
  const Evaluation e = Point(1, 300000, 3e-7);
  EXPECT_EQ(Constraints{}.Broken(e), "");
  EXPECT_EQ((Constraints{.max_error = 3e-7, .max_scratch_bytes = 300000}.Broken(e)), "");
  EXPECT_EQ(Constraints{.max_error = 1e-7}.Broken(e), "max error 3e-07 is above 1e-07");
  EXPECT_EQ(Constraints{.max_scratch_bytes = 299999}.Broken(e),
            "scratch of 300000 bytes is above 299999");
  EXPECT_NE(Constraints{}.Broken(Point(1, 0, std::numeric_limits<double>::quiet_NaN())), "");
}

// ---- Tunings
// -------------------------------------------------------------------------------------

Config Default() { return ops::DefaultConfig(kProblem, TestCpu(), 2); }

class TunerObjectives : public testing::Test {
 protected:
  TunerObjectives() {
    options_.strategy = "exhaustive";
    options_.evaluations = 5000;
    options_.seconds = 1000;
    options_.conditions.threads = 2;
    // More vectors: faster, more scratch; more unroll: slower, more exact.
    measurer_.noise = 0;
    measurer_.cost = [](const Config& c) {
      return 1e-3 * (1 + 0.1 * Silu(c).unroll) / Silu(c).vecs * (Silu(c).threads == 1 ? 1.5 : 1);
    };
    measurer_.scratch = [](const Config& c) { return int64_t{1000} * Silu(c).vecs; };
    measurer_.error = [](const Config& c) { return 1e-7 / Silu(c).unroll; };
  }
  absl::StatusOr<TuneReport> Run() {
    return Tune(kProblem, TestCpu(), options_, measurer_, nullptr, nullptr);
  }

  TuneOptions options_;
  ScriptedMeasurer measurer_;
};

TEST_F(TunerObjectives, TheFrontOfTheWholeSpaceWhateverTheStrategy) {
  options_.objectives = {Objective::kTime, Objective::kMemory, Objective::kError};
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(measurer_.last_incumbent, 0);  // a slow one may be on the front: none is dropped
  // A member for each pair of vecs and unroll, two threads, all else by the fixed key.
  std::set<std::pair<int, int>> seen;
  double before = 0;
  for (const Evaluation& e : report->front) {
    EXPECT_TRUE(seen.emplace(Silu(e.config).vecs, Silu(e.config).unroll).second);
    EXPECT_EQ(Silu(e.config).threads, 2);
    EXPECT_EQ(Silu(e.config).prefetch, 0);
    EXPECT_GE(e.seconds.min, before);
    before = e.seconds.min;
  }
  const size_t vecs = ops::FindField(ops::kVectors, "vecs")->values.size();
  const size_t unrolls = ops::FindField(ops::kVectors, "unroll")->values.size();
  EXPECT_EQ(seen.size(), vecs * unrolls);
  // The winner is the fastest: memory and error do not decide.
  EXPECT_EQ(report->record.config, report->front.front().config);
}

TEST_F(TunerObjectives, EveryStrategyFindsLittleMemory) {
  options_.objectives = {Objective::kTime, Objective::kMemory};
  options_.evaluations = 60;
  for (const search::StrategyInfo& info : search::Strategies()) {
    if (info.name == "exhaustive" || info.name == "genetic-study") continue;
    options_.strategy = info.name;
    measurer_.evaluated.clear();
    const auto report = Run();
    ASSERT_TRUE(report.ok()) << info.name << ": " << report.status();
    std::set<std::string> distinct;
    for (const Config& config : measurer_.evaluated) distinct.insert(ops::ToString(config));
    EXPECT_LE(distinct.size(), 60u) << info.name;
    EXPECT_EQ(report->record.result.evaluations, static_cast<int>(distinct.size())) << info.name;
    EXPECT_EQ(Silu(report->front.back().config).vecs, 1) << info.name;
    EXPECT_GE(report->front.size(), 3u) << info.name;
  }
}

TEST_F(TunerObjectives, OneObjectiveHasNoFrontAndDropsTheSlow) {
  const auto report = Run();
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->front.empty());
  EXPECT_GT(measurer_.last_incumbent, 0);
}

TEST_F(TunerObjectives, ConstraintsAreKeptWhateverTheSpeed) {
  options_.constraints.max_error = 0.5e-7;
  options_.constraints.max_scratch_bytes = 5000;
  measurer_.error = [](const Config& c) { return c == Default() ? 1e-8 : 1e-7 / Silu(c).unroll; };
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_LE(Silu(report->record.config).vecs, 5);
  EXPECT_EQ(Silu(report->record.config).unroll, 2) << "the fastest that is exact enough";
  for (const Evaluation& e : report->finalists) EXPECT_EQ(e.error, "");
}

// Law 4 holds: a tie with the default under constraints that it keeps is the default's.
TEST_F(TunerObjectives, TheDefaultStaysWhereNothingWithinTheConstraintsIsFaster) {
  options_.constraints.max_scratch_bytes = 1000 * Silu(Default()).vecs;
  measurer_.cost = [](const Config& c) {
    return Silu(c).vecs > Silu(Default()).vecs ? 1e-4 : 1e-3;
  };
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->record.config, Default()) << report->decision;
}

TEST_F(TunerObjectives, ADefaultThatBreaksAConstraintIsSaidAndReplacedByTheBestThatKeepsIt) {
  options_.constraints.max_scratch_bytes = 1000 * (Silu(Default()).vecs - 1);
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Silu(report->record.config).vecs, Silu(Default()).vecs - 1);
  EXPECT_EQ(Silu(report->record.config).unroll, 1);
  EXPECT_EQ(report->finalists[0].outcome, Outcome::kInfeasible);
  // The default is timed with the others, so that the price of the constraint is known.
  EXPECT_NEAR(report->record.result.gain,
              measurer_.cost(Default()) / measurer_.cost(report->record.config), 1e-6);
  EXPECT_GT(report->record.result.default_median_s, 0);
}

TEST_F(TunerObjectives, ConstraintsThatNothingKeeps) {
  options_.constraints.max_error = 1e-12;
  EXPECT_THAT(Run().status().message(), Mentions({"sigmoid-mul f32 256×256"}));
}

TEST_F(TunerObjectives, RefusesListsThatMakeNoSense) {
  options_.objectives = {Objective::kMemory};
  EXPECT_THAT(Run().status().message(), Mentions({"time"}));
  options_.objectives = {Objective::kTime, Objective::kError, Objective::kError};
  EXPECT_THAT(Run().status().message(), Mentions({"objectives", "error"}));
  EXPECT_TRUE(measurer_.evaluated.empty());
}

TEST(Decide, ABarredDefaultNeverWins) {
  Finalists f{.barred = "the default failed (x)"};
  for (int i = 0; i < 3; ++i) {
    f.configs.push_back(SigmoidMulConfig{.vecs = 3 - i});
    f.seconds.push_back(std::vector<double>(21, 1.0 + 0.001 * i));
  }
  f.challenger = 2;  // slower than the default, which cannot win
  Decision d = Decide(f, false, 1);
  EXPECT_EQ(d.winner, 2);
  f.seconds[0].clear();
  d = Decide(f, false, 1);
  EXPECT_EQ(d.winner, 2);
  EXPECT_EQ(d.gain.value, 1);
  EXPECT_THAT(d.why, Mentions({f.barred}));
  for (auto& seconds : f.seconds) seconds.clear();  // no time for a race
  EXPECT_EQ(Decide(f, false, 1).winner, 2);
  // A record stays unless it is beaten.
  for (auto& seconds : f.seconds) seconds.assign(21, 1.0);
  f.record = 1;
  EXPECT_EQ(Decide(f, false, 1).winner, 1);
  f.seconds[2].assign(21, 0.9);
  EXPECT_EQ(Decide(f, false, 1).winner, 2);
}

}  // namespace
}  // namespace jitattn::runtime
