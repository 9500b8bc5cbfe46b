// Settle(): from the search's best point to the final configuration, on scripted costs.

#include "runtime/settle.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "scripted_measurer.h"

namespace jitattn::runtime {
namespace {

using jit::SigmoidMulConfig;
using ops::Config;

class SettleTest : public testing::Test {
 protected:
  SettleTest() : space_(*TuningSpace::Create(kProblem, TestCpu(), 4)) { measurer_.noise = 0; }

  // Where a search that knows nothing but `start` settles.
  SigmoidMulConfig From(const SigmoidMulConfig& start, int budget = 100) {
    Candidates candidates(measurer_, {.budget = budget});
    const int rank = space_.RankOf(start);
    EXPECT_EQ(space_.ConfigAt(rank), Config(start));
    candidates.Look(start, rank, 1);
    const auto settled = Settle(space_, candidates, [&](int next) {
      return candidates.Look(space_.ConfigAt(next), next, 1);
    });
    looked_at_ = static_cast<int>(candidates.size());
    EXPECT_TRUE(settled.has_value());
    return Silu(candidates[*settled].evaluation.config);
  }

  TuningSpace space_;
  ScriptedMeasurer measurer_;
  int looked_at_ = 0;
};

TEST_F(SettleTest, WhatMakesNoDifferenceGoesToTheFixedKey) {
  measurer_.cost = [](const Config& c) { return Silu(c).vecs == 4 ? 1e-3 : 2e-3; };
  const SigmoidMulConfig end =
      From({.threads = 4, .vecs = 4, .unroll = 4, .non_temporal = 1, .prefetch = 16});
  EXPECT_EQ(end.vecs, 4);
  EXPECT_EQ(end.threads, 1);
  EXPECT_EQ(end.unroll, 1);
  EXPECT_EQ(end.non_temporal, 0);
  EXPECT_EQ(end.prefetch, 0);
  // From anywhere else on that hill, the same.
  EXPECT_EQ(From({.threads = 2, .vecs = 4, .unroll = 2, .prefetch = 8}), end);
}

TEST_F(SettleTest, ClimbsWhereThatGains) {
  measurer_.cost = [](const Config& c) { return 1e-3 / Silu(c).vecs / Silu(c).threads; };
  const SigmoidMulConfig end = From({.threads = 2, .vecs = 2});
  EXPECT_EQ(end.threads, 4);
  EXPECT_GE(end.vecs, 6);
}

// However many fields go down, the sum stays within half of a tie.
TEST_F(SettleTest, SmallCostsDoNotAddUp) {
  measurer_.cost = [](const Config& c) {
    const SigmoidMulConfig& s = Silu(c);
    return 1e-3 *
           (1 + 0.003 * (s.threads < 4) + 0.003 * (s.unroll < 4) + 0.003 * (s.prefetch < 16));
  };
  const SigmoidMulConfig start = {.threads = 4, .vecs = 2, .unroll = 4, .prefetch = 16};
  const Config end = From(start);
  EXPECT_LE(measurer_.cost(end), 1.005 * measurer_.cost(start));
  EXPECT_LT(Silu(end).threads, 4);  // one of them goes, and threads come first
}

TEST_F(SettleTest, EndsWithTheBudget) {
  From({.threads = 4, .vecs = 4, .unroll = 4, .prefetch = 16}, 3);
  EXPECT_EQ(looked_at_, 3);
  Candidates none(measurer_, {.budget = 1});
  EXPECT_FALSE(Settle(space_, none, [](int) { return std::optional<size_t>(); }).has_value());
}

}  // namespace
}  // namespace jitattn::runtime
