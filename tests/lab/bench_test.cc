// Benchmarks: turns under a scripted clock, arithmetic of limits, real tiny problems.

#include "lab/measuring/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lab/measuring/bench_roofline.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::lab {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// Time passes only when something runs.
class TurnTest : public ::testing::Test {
 protected:
  std::function<void()> Taking(char name, double seconds) {
    return [this, name, seconds] { order_ += name, now_ += seconds; };
  }
  Clock clock() {
    return [this] { return now_; };
  }

  double now_ = 100;
  std::string order_;
};

TEST_F(TurnTest, EveryRunHasOneSampleARoundAndEveryoneIsFirstInTurn) {
  const std::vector<std::function<void()>> runs = {Taking('a', 0.02), Taking('b', 0.03)};
  order_.clear();
  const auto timings = TimeInTurn(runs, Taking('|', 0), {.rounds = 4, .seconds = 100}, clock());
  ASSERT_THAT(timings, SizeIs(2));
  EXPECT_THAT(timings[0].seconds, SizeIs(4));
  EXPECT_THAT(timings[0].seconds, Each(DoubleNear(0.02, 1e-12)));
  EXPECT_THAT(timings[1].seconds, Each(DoubleNear(0.03, 1e-12)));
  // "ab" are the trials for the number of runs a sample. The first round runs each once untimed;
  // later ones do not, since both are long.
  EXPECT_EQ(order_, "ab|aabb|ba|ab|ba");
}

TEST_F(TurnTest, ShortRunsAreRepeatedAndTheirTimeIsThatOfOne) {
  const std::vector<std::function<void()>> runs = {Taking('a', 1e-6)};
  const auto timings =
      TimeInTurn(runs, {}, {.rounds = 5, .seconds = 100, .min_sample_s = 1e-3}, clock());
  EXPECT_EQ(timings[0].runs_a_sample, 1024);  // the first power of two that lasts a millisecond
  EXPECT_THAT(timings[0].seconds, Each(DoubleNear(1e-6, 1e-12)));
}

TEST_F(TurnTest, ASampleOfShortRunsIsPrecededByAnUntimedOne) {
  bool cold = true;
  int64_t calls = 0;
  const std::vector<std::function<void()>> runs = {[&] {
    now_ += cold ? 1e-3 : 1e-4;
    cold = false;
    ++calls;
  }};
  const auto timings = TimeInTurn(
      runs, [&] { cold = true; }, {.rounds = 3, .seconds = 1e9, .min_sample_s = 1e-4}, clock());
  EXPECT_THAT(timings[0].seconds, Each(DoubleNear(1e-4, 1e-12)));
  EXPECT_EQ(timings[0].runs_a_sample, 1);
  EXPECT_EQ(calls, 1 + 3 * 2);
}

TEST_F(TurnTest, EndsAtTheDeadlineButNotBeforeThreeRounds) {
  const std::vector<std::function<void()>> runs = {Taking('a', 1.0)};
  EXPECT_THAT(TimeInTurn(runs, {}, {.rounds = 31, .seconds = 0.5}, clock())[0].seconds,
              SizeIs(kLeastRounds));
  // A trial and two runs in the first round, then one a round: the seventh begins at 8 s.
  EXPECT_THAT(TimeInTurn(runs, {}, {.rounds = 31, .seconds = 8}, clock())[0].seconds, SizeIs(6));
}

TEST(LimitsTest, TheLimitThatTakesLongerBinds) {
  const Limit fma{"FMA", 2e9, 100e9};      // 20 ms
  const Limit traffic{"read", 1e9, 40e9};  // 25 ms
  Limits limits;
  EXPECT_EQ(limits.binding(), nullptr);
  EXPECT_EQ(limits.Fraction(0.05), 0);
  limits.fma = fma;
  EXPECT_EQ(limits.binding()->what, "FMA");
  EXPECT_DOUBLE_EQ(limits.Fraction(0.05), 0.4);
  limits.traffic = traffic;
  EXPECT_EQ(limits.binding()->what, "read");
  EXPECT_DOUBLE_EQ(limits.Fraction(0.05), 0.5);
  limits.fma->demand = 3e9;  // 30 ms
  EXPECT_EQ(limits.binding()->what, "FMA");
  EXPECT_DOUBLE_EQ(limits.Fraction(0.05), 0.6);
}

TEST(LimitsTest, FiguresAreOfTheSamples) {
  Limits limits;
  limits.fma = Limit{"FMA", 1e9, 100e9};
  const std::vector<double> samples = {0.020, 0.022, 0.021, 0.030, 0.024};
  const BenchResult result = Figures(samples, limits);
  EXPECT_DOUBLE_EQ(result.seconds.min, 0.020);
  EXPECT_DOUBLE_EQ(result.seconds.median, 0.022);
  EXPECT_DOUBLE_EQ(result.first_quartile, 0.021);
  EXPECT_NEAR(result.spread(), 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(result.fraction(), 0.5);  // 10 ms of the fastest 20
}

TEST(LimitsTest, CyclesAreOfOneThreadFor64Bytes) {
  BenchResult result;
  result.seconds.min = 1e-6;
  result.clock_hz = 2e9;
  const ops::SigmoidMulProblem f32{.rows = 2, .cols = 800};  // 100 vectors
  EXPECT_DOUBLE_EQ(CyclesAVector(f32, result, 1), 20);
  EXPECT_DOUBLE_EQ(CyclesAVector(f32, result, 2), 40);
  const ops::SigmoidMulProblem f64{.dtype = DType::kF64, .rows = 2, .cols = 800};
  EXPECT_DOUBLE_EQ(CyclesAVector(f64, result, 1), 10);
}

// 32 KiB, 1 MiB and 32 MiB of cache.
TEST(RooflineTest, DataLiesInTheInnermostCacheThatHoldsEachThreadsShare) {
  const Cpu cpu;
  EXPECT_EQ(LevelOf(32 << 10, 1, cpu), Level::kL1);
  EXPECT_EQ(LevelOf((32 << 10) + 1, 1, cpu), Level::kL2);
  EXPECT_EQ(LevelOf(64 << 10, 2, cpu), Level::kL1);
  EXPECT_EQ(LevelOf(1 << 20, 1, cpu), Level::kL2);
  EXPECT_EQ(LevelOf(32 << 20, 1, cpu), Level::kL3);
  EXPECT_EQ(LevelOf((32 << 20) + 1, 2, cpu), Level::kMemory) << "the last cache is one for all";
}

TEST(RooflineTest, EveryQueryTileReadsKeysAndValuesAgain) {
  const Cpu cpu;
  jit::TilesConfig config;  // a tile of 4 × 16 queries
  ops::AttentionProblem p{.heads = 2, .kv_heads = 2, .q_len = 200, .kv_len = 512};
  const double head_bytes = 512 * (64 + 64) * 4;
  const Demand demand = DemandOf(p, config, ops::Buffers::kHot, 1, cpu);
  EXPECT_DOUBLE_EQ(demand.flops, ops::Flops(p));
  EXPECT_DOUBLE_EQ(demand.intensity(), ops::Flops(p) / ops::Bytes(p));
  EXPECT_DOUBLE_EQ(demand.again_bytes, 2 * (4 - 1) * head_bytes);
  EXPECT_EQ(demand.again_level, Level::kL2);
  EXPECT_EQ(demand.operand_level, Level::kL2);
  EXPECT_EQ(DemandOf(p, config, ops::Buffers::kCold, 1, cpu).operand_level, Level::kMemory);
  // Grouped heads read the same keys: 8 · 4 tiles, of which 2 are the first.
  p.heads = 8;
  EXPECT_DOUBLE_EQ(DemandOf(p, config, ops::Buffers::kHot, 1, cpu).again_bytes,
                   (8 * 4 - 2) * head_bytes);
  p = {.q_len = 1, .kv_len = 512};
  EXPECT_EQ(DemandOf(p, config, ops::Buffers::kHot, 1, cpu).again_bytes, 0);
}

TEST(RooflineTest, WhatTakesLongestBinds) {
  const Roof roof{.fma = 100e9, .bandwidth = {200e9, 100e9, 50e9, 25e9}};
  EXPECT_DOUBLE_EQ(roof.Ridge(Level::kMemory), 4);
  Demand demand{.flops = 1e9,
                .operand_bytes = 0.2e9,
                .again_bytes = 0.5e9,
                .operand_level = Level::kMemory,
                .again_level = Level::kL2};
  Binding binding = BindingOf(demand, roof);  // 10, 8 and 5 ms
  EXPECT_EQ(binding.bound, Bound::kFma);
  EXPECT_DOUBLE_EQ(binding.seconds, 10e-3);
  demand.again_level = Level::kL3;  // 10 ms become 20
  demand.again_bytes = 1e9;
  binding = BindingOf(demand, roof);
  EXPECT_EQ(binding.bound, Bound::kAgain);
  EXPECT_EQ(binding.level, Level::kL3);
  EXPECT_DOUBLE_EQ(binding.seconds, 20e-3);
  demand.operand_bytes = 1e9;  // 40 ms
  binding = BindingOf(demand, roof);
  EXPECT_EQ(binding.bound, Bound::kOperands);
  EXPECT_EQ(binding.level, Level::kMemory);
  EXPECT_DOUBLE_EQ(binding.seconds, 40e-3);
}

class BenchTest : public ::testing::Test {
 protected:
  std::vector<BenchResult> Measure(const ops::Problem& problem, std::vector<int> threads,
                                   ops::Buffers buffers = ops::Buffers::kHot) {
    std::vector<BenchEntrant> entrants;
    for (const int count : threads) {
      const ops::Conditions conditions = ops::Resolve({.threads = count, .buffers = buffers}, cpu_);
      auto plan =
          runtime::Plan::Create(problem, cpu_, {.conditions = conditions, .use_cache = false});
      EXPECT_TRUE(plan.ok()) << plan.status();
      entrants.push_back({*plan, conditions});
    }
    auto results = Bench(problem, entrants, cpu_,
                         {.turns = {.rounds = 4, .seconds = 1, .min_sample_s = 1e-5}});
    EXPECT_TRUE(results.ok()) << results.status();
    return *std::move(results);
  }

  const Cpu& cpu_ = HostCpu();
};

TEST_F(BenchTest, AttentionIsHeldAgainstFmaAndWithFewQueriesAgainstReadingToo) {
  if (cpu_.isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  // 256 keys: 64 operations a byte with one head of 256 queries, half a one with one query.
  const ops::AttentionProblem many{.q_len = 256, .kv_len = 256};
  const ops::AttentionProblem one{.q_len = 1, .kv_len = 256};
  ASSERT_GE(ops::Flops(many), kAlwaysComputeBound * ops::Bytes(many));
  const auto compute = Measure(many, {1, 2});
  ASSERT_THAT(compute, SizeIs(2));
  for (const BenchResult& result : compute) {
    EXPECT_EQ(result.wrong, "");
    EXPECT_GE(result.seconds.samples, kLeastRounds);
    EXPECT_GT(result.seconds.min, 0);
    EXPECT_GE(result.first_quartile, result.seconds.min);
    ASSERT_TRUE(result.limits.fma.has_value());
    EXPECT_FALSE(result.limits.traffic.has_value());
    EXPECT_DOUBLE_EQ(result.limits.fma->demand, ops::Flops(many));
    EXPECT_DOUBLE_EQ(result.fraction(),
                     ops::Flops(many) / result.seconds.min / result.limits.fma->peak);
    EXPECT_EQ(result.clock_hz, 0);
  }
  const auto decode = Measure(one, {1});
  ASSERT_TRUE(decode[0].limits.fma && decode[0].limits.traffic);
  EXPECT_DOUBLE_EQ(decode[0].limits.traffic->demand, ops::Bytes(one));
  EXPECT_DOUBLE_EQ(decode[0].fraction(),
                   decode[0].limits.binding()->seconds() / decode[0].seconds.min);
}

TEST_F(BenchTest, KernelCallsAreTimedAloneWhereAskedForAndOneThreadRuns) {
  const ops::AttentionProblem problem{.heads = 2, .kv_heads = 2, .q_len = 16, .kv_len = 16};
  const ops::Conditions conditions = ops::Resolve({.threads = 1}, cpu_);
  auto plan = runtime::Plan::Create(problem, cpu_, {.conditions = conditions, .use_cache = false});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const BenchEntrant entrants[] = {{*plan, conditions}, {*plan, conditions}};
  for (const bool alone : {false, true}) {
    const auto results =
        Bench(problem, entrants, cpu_,
              {.turns = {.rounds = 3, .seconds = 1, .min_sample_s = 1e-5}, .kernel_alone = alone});
    ASSERT_TRUE(results.ok()) << results.status();
    for (const BenchResult& result : *results) EXPECT_EQ(result.kernel_seconds > 0, alone);
  }
}

TEST_F(BenchTest, SigmoidMulIsHeldAgainstCopyingAndKnowsTheClock) {
  if (cpu_.isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const ops::SigmoidMulProblem problem{.rows = 3, .cols = 1001};
  for (const ops::Buffers buffers : {ops::Buffers::kHot, ops::Buffers::kCold}) {
    const auto results = Measure(problem, {1}, buffers);
    EXPECT_EQ(results[0].wrong, "");
    EXPECT_FALSE(results[0].limits.fma.has_value());
    ASSERT_TRUE(results[0].limits.traffic.has_value());
    EXPECT_DOUBLE_EQ(results[0].limits.traffic->demand, ops::Bytes(problem));
    EXPECT_GT(results[0].clock_hz, 1e8);
    EXPECT_LT(results[0].clock_hz, 1e11);
  }
}

TEST_F(BenchTest, AProblemBeyondMemoryIsRefusedWithBothSizes) {
  const ops::SigmoidMulProblem huge{.rows = int64_t{1} << 40, .cols = 1024};
  const auto plan = runtime::Plan::Create(huge, cpu_, {.use_cache = false});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const BenchEntrant entrants[] = {{.plan = *plan}};
  const auto results = Bench(huge, entrants, cpu_, {});
  EXPECT_EQ(results.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(results.status().message()), ::testing::HasSubstr("GiB"));
}

}  // namespace
}  // namespace jitattn::lab
