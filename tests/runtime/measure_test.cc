// The real measurer verifies, samples and stops. The measured times are not judged.

#include "runtime/measure.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/operands.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using Outcome = Evaluation::Outcome;

const ops::Problem kAttention = ops::AttentionProblem{
    .heads = 2, .kv_heads = 1, .q_len = 33, .kv_len = 40, .head_dim = 16, .value_dim = 24};
const ops::Problem kSigmoidMul = ops::SigmoidMulProblem{.rows = 7, .cols = 130};

ops::Config Default(const ops::Problem& problem, int threads = 1) {
  return ops::DefaultConfig(problem, HostCpu(), threads);
}

TEST(Measurer, EvaluatesBothOperationsHotAndCold) {
  for (const ops::Problem& problem : {kAttention, kSigmoidMul}) {
    for (const auto buffers : {ops::Buffers::kHot, ops::Buffers::kCold}) {
      auto measurer =
          MakeMeasurer(problem, HostCpu(), {.conditions = {.threads = 2, .buffers = buffers}});
      ASSERT_TRUE(measurer.ok()) << measurer.status();
      const Evaluation e = (*measurer)->Evaluate(Default(problem), {});
      ASSERT_EQ(e.outcome, Outcome::kMeasured) << e.error;
      EXPECT_GE(e.samples.size(), 7u);
      EXPECT_LE(e.samples.size(), 25u);
      EXPECT_EQ(e.seconds.samples, static_cast<int>(e.samples.size()));
      EXPECT_GT(e.seconds.min, 0);
      EXPECT_GT(e.first_call_s, 0);
      EXPECT_LT(e.max_error, 1e-5);
      EXPECT_EQ(e.config, Default(problem));
    }
  }
}

TEST(Measurer, WhatIsRefusedSaysWhy) {
  auto measurer = MakeMeasurer(kSigmoidMul, HostCpu(), {});
  ASSERT_TRUE(measurer.ok());
  const Evaluation e = (*measurer)->Evaluate(jit::SigmoidMulConfig{.vecs = 77}, {});
  EXPECT_EQ(e.outcome, Outcome::kFailed);
  EXPECT_THAT(e.error, Mentions({"vecs", "77"}));
  const ops::Config bad[] = {Default(kSigmoidMul), jit::SigmoidMulConfig{.vecs = 77}};
  EXPECT_THAT((*measurer)->Race(bad, 3, 1e300).status().message(), Mentions({"vecs", "77"}));
}

TEST(Measurer, DropsWhatIsFarSlowerThanTheBest) {
  auto measurer = MakeMeasurer(kAttention, HostCpu(), {});
  ASSERT_TRUE(measurer.ok());
  const Evaluation e = (*measurer)->Evaluate(Default(kAttention), {.incumbent_s = 1e-12});
  EXPECT_EQ(e.outcome, Outcome::kCensored);
  EXPECT_EQ(e.samples.size(), 1u);
}

TEST(Measurer, KeepsTheDeadline) {
  auto measurer = MakeMeasurer(kAttention, HostCpu(), {});
  ASSERT_TRUE(measurer.ok());
  const double now = (*measurer)->Now();
  const Evaluation e = (*measurer)->Evaluate(Default(kAttention), {.deadline_s = now - 1});
  EXPECT_EQ(e.outcome, Outcome::kFailed);
  EXPECT_NE(e.error, "");
  const ops::Config configs[] = {Default(kAttention), Default(kAttention, 2)};
  const auto race = (*measurer)->Race(configs, 9, now - 1);
  ASSERT_TRUE(race.ok());
  EXPECT_THAT(*race, testing::Each(testing::IsEmpty()));
}

TEST(Measurer, MoreResourceMoreSamples) {
  auto measurer = MakeMeasurer(kSigmoidMul, HostCpu(), {.min_sample_s = 1e-5});
  ASSERT_TRUE(measurer.ok());
  EXPECT_GE((*measurer)->Evaluate(Default(kSigmoidMul), {.resource = 3}).samples.size(), 21u);
}

TEST(Measurer, RacesInWholeRounds) {
  auto measurer =
      MakeMeasurer(kSigmoidMul, HostCpu(), {.conditions = {.threads = 2}, .min_sample_s = 1e-5});
  ASSERT_TRUE(measurer.ok());
  const ops::Config configs[] = {Default(kSigmoidMul), Default(kSigmoidMul, 2),
                                 Default(kSigmoidMul)};
  const auto race = (*measurer)->Race(configs, 8, 1e300);
  ASSERT_TRUE(race.ok()) << race.status();
  ASSERT_EQ(race->size(), 3u);
  for (const auto& seconds : *race) {
    ASSERT_EQ(seconds.size(), 8u);
    for (const double s : seconds) EXPECT_GT(s, 0);
  }
}

TEST(Measurer, AProblemThatNoMachineHolds) {
  const ops::Problem problem =
      ops::SigmoidMulProblem{.rows = int64_t{1} << 30, .cols = int64_t{1} << 20};
  const auto measurer = MakeMeasurer(problem, HostCpu(), {});
  EXPECT_EQ(measurer.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(measurer.status().message()),
              testing::ContainsRegex("[0-9.]+ GiB.*[0-9.]+ GiB"));
}

TEST(Operands, SeeWhatIsNotWritten) {
  for (const ops::Problem& problem : {kAttention, kSigmoidMul}) {
    auto operands = Operands::Create(problem, {}, 1);
    ASSERT_TRUE(operands.ok());
    (*operands)->Poison();
    const ops::Verdict verdict = (*operands)->Check();
    EXPECT_FALSE(verdict.correct);
    EXPECT_EQ(verdict.what, "did not write element 0 of its output");
  }
}

TEST(Operands, ColdOnesDoNotFitTheCaches) {
  auto operands = Operands::Create(kAttention, {.buffers = ops::Buffers::kCold}, 1);
  ASSERT_TRUE(operands.ok());
  EXPECT_GT(static_cast<double>((*operands)->sets()) * ops::Bytes(kAttention),
            0.5 * static_cast<double>(HostCpu().l3_bytes));
}

std::vector<double> Inputs(uint64_t seed, int index) {
  std::vector<double> numbers(200000);
  FillInput(DType::kF64, numbers.data(), std::ssize(numbers), seed, index);
  return numbers;
}

TEST(FillInput, IsTheSameForTheSameSeedAndArray) {
  EXPECT_EQ(Inputs(3, 0), Inputs(3, 0));
  EXPECT_NE(Inputs(3, 0), Inputs(3, 1));
  EXPECT_NE(Inputs(3, 0), Inputs(4, 0));
}

TEST(FillInput, TypesDifferByTheirRounding) {
  const std::vector<double> wide = Inputs(3, 0);
  std::vector<float> narrow(wide.size());
  FillInput(DType::kF32, narrow.data(), std::ssize(narrow), 3, 0);
  EXPECT_EQ(narrow, std::vector<float>(wide.begin(), wide.end()));
}

}  // namespace
}  // namespace jitattn::runtime
