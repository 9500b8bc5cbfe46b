// Conditions, and the CPU that they were resolved for, are taken as they are given.

#include "ops/conditions.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/measure.h"
#include "runtime/plan.h"
#include "runtime/tuner.h"
#include "scripted_measurer.h"

namespace jitattn::runtime {
namespace {

const ops::Conditions kConditions = {
    .threads = 3, .isa = Isa::kAvx2, .buffers = ops::Buffers::kCold, .layout = Layout::kColumns};

TEST(ConditionsTest, OfATuningAreThoseOfItsRecordAndOfItsSpace) {
  ScriptedMeasurer measurer;
  const auto report = Tune(kProblem, Capped(TestCpu(), Isa::kAvx2),
                           {.strategy = "random", .evaluations = 20, .conditions = kConditions},
                           measurer, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  ops::Conditions expected = kConditions;
  expected.layout = Layout::kHeads;  // this problem has no heads
  EXPECT_EQ(report->record.key.conditions, expected);
  for (const ops::Config& config : measurer.evaluated) EXPECT_EQ(config.isa(), Isa::kAvx2);
}

TEST(ConditionsTest, APlanHasTheInstructionsOfItsCpuAndNoMoreThreadsThanItsBudget) {
  const Cpu cpu = Capped(HostCpu(), Isa::kPortable);
  const ops::SigmoidMulProblem problem{.rows = 64, .cols = 64};
  ops::Config config = ops::DefaultConfig(problem, cpu, 1);
  config.set_threads(4);
  const auto plan = Plan::Create(
      problem, cpu, {.conditions = ops::Resolve({.threads = 2}, cpu), .config = config});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE((*plan)->kernel().code().empty());
  EXPECT_EQ((*plan)->threads(), std::min(2, ops::Resolve({.threads = 2}, cpu).threads));
}

// An ISA below the host's. It was once applied to the space only.
TEST(ConditionsTest, AMeasurerRunsNothingThatItsCpuHasNot) {
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const ops::SigmoidMulProblem problem{.rows = 64, .cols = 64};
  const ops::Config emitted = ops::DefaultConfig(problem, HostCpu(), 1);
  const auto measurer = MakeMeasurer(problem, Capped(HostCpu(), Isa::kPortable), {});
  ASSERT_TRUE(measurer.ok()) << measurer.status();
  const Evaluation evaluation = (*measurer)->Evaluate(emitted, {});
  EXPECT_EQ(evaluation.outcome, Evaluation::Outcome::kFailed);
  EXPECT_THAT(evaluation.error, testing::HasSubstr("isa"));
}

}  // namespace
}  // namespace jitattn::runtime
