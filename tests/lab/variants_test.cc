// The rule by which a type or a layout is kept, and what is compared with what.

#include "lab/measuring/variants.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

VariantCandidate Candidate(size_t variant, double seconds, double error, bool winner = true) {
  VariantCandidate c{.variant = variant, .winner = winner};
  c.evaluation.max_error = error;
  c.evaluation.samples.assign(31, seconds);
  c.gain = {1 / seconds, 1 / seconds, 1 / seconds};  // the baseline takes 1
  return c;
}

TEST(JudgeVariants, KeepsWhatIsExactEnoughAndGainsEnough) {
  std::vector<VariantCandidate> all = {
      Candidate(0, 1.0, 1e-7),         // the baseline
      Candidate(0, 1.1, 1e-7, false),  // its default
      Candidate(1, 0.5, 1e-2),         // fast and wrong enough
      Candidate(2, 0.96, 1e-4),        // 4 %
      Candidate(3, 0.8, 1e-4),         // 25 %
      Candidate(3, 0.7, 1e-4, false),
  };
  EXPECT_EQ(JudgeVariants({.max_error = 1e-3, .min_gain = 0.05}, 1, &all), 4u);
  EXPECT_THAT(all[2].reason, Mentions({"0.01", "0.001"}));
  EXPECT_THAT(all[3].reason, Mentions({"5"}));  // per cent
  EXPECT_THAT(all[4].reason, Mentions({"5"}));
  EXPECT_NE(all[3].reason, all[4].reason);
  std::vector<bool> kept;
  for (const VariantCandidate& c : all) kept.push_back(c.kept);
  EXPECT_EQ(kept, (std::vector<bool>{true, false, false, false, true, false}));

  EXPECT_EQ(JudgeVariants({.max_error = 1e-3, .min_gain = 0.03}, 1, &all), 4u);
  EXPECT_TRUE(all[3].kept);
  EXPECT_EQ(JudgeVariants({.min_gain = 0.05}, 1, &all), 2u);  // no gate of errors
  EXPECT_EQ(JudgeVariants({.max_error = 1e-5}, 1, &all), 0u);
  EXPECT_EQ(JudgeVariants({.max_error = 1e-9}, 1, &all), std::nullopt);
}

TEST(JudgeVariants, AGainMustBeSureAndATieGoesToTheEarlier) {
  std::vector<VariantCandidate> all = {Candidate(0, 1, 0), Candidate(1, 0.8, 0),
                                       Candidate(2, 0.797, 0)};
  EXPECT_EQ(JudgeVariants({}, 1, &all), 1u);
  all[1].gain.low = 1.04;  // the value is 1.25
  EXPECT_EQ(JudgeVariants({}, 1, &all), 2u);
  EXPECT_THAT(all[1].reason, Mentions({"5"}));
}

ops::Problem Heads(DType dtype) {
  return ops::AttentionProblem{.dtype = dtype,
                               .heads = 3,
                               .kv_heads = 3,
                               .q_len = 20,
                               .kv_len = 24,
                               .head_dim = 16,
                               .value_dim = 16};
}

// Against the data before rounding: the type's own rounding of the operands shows.
TEST(Operands, ErrorToOriginalOrdersTheTypes) {
  double before = 0;
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) {
    for (const ops::Layout layout : {ops::Layout::kHeads, ops::Layout::kColumns}) {
      const ops::Problem problem = Heads(dtype);
      auto measurer = runtime::MakeMeasurer(
          problem, HostCpu(), {.conditions = {.layout = layout}, .error_to_original = true});
      ASSERT_TRUE(measurer.ok()) << measurer.status();
      const runtime::Evaluation e =
          (*measurer)->Evaluate(ops::DefaultConfig(problem, HostCpu(), 1), {});
      ASSERT_EQ(e.outcome, runtime::Evaluation::Outcome::kMeasured) << e.error;
      EXPECT_GT(e.max_error, 3 * before) << ops::Describe(problem);
      EXPECT_LT(e.max_error, 0.05) << ops::Describe(problem);
      if (layout == ops::Layout::kColumns) before = e.max_error;
    }
  }
}

TEST(Layouts, OneHeadHasOne) {
  EXPECT_EQ(ops::Effective(ops::Layout::kColumns, Heads(DType::kF32)), ops::Layout::kColumns);
  EXPECT_EQ(ops::Effective(ops::Layout::kColumns, ops::AttentionProblem{}), ops::Layout::kHeads);
  EXPECT_EQ(ops::Effective(ops::Layout::kColumns, ops::SigmoidMulProblem{}), ops::Layout::kHeads);
}

TEST(Variants, RaceInTurnOnTheirOwnOperands) {
  const std::vector<Variant> variants = {{Heads(DType::kF32)},
                                         {Heads(DType::kF64), ops::Layout::kColumns}};
  std::vector<VariantCandidate> candidates;
  for (size_t v = 0; v < 2; ++v) {
    candidates.push_back({.variant = v, .winner = true});
    candidates.back().evaluation.config = ops::DefaultConfig(variants[v].problem, HostCpu(), 1);
  }
  ASSERT_TRUE(RaceVariants(variants, HostCpu(), {}, 0.2, &candidates).ok());
  for (const VariantCandidate& c : candidates) {
    EXPECT_GE(c.evaluation.samples.size(), 3u);
    EXPECT_GT(c.evaluation.seconds.mean, 0);
    EXPECT_GT(c.gain.value, 0);
  }
  EXPECT_EQ(candidates[0].gain.value, 1);
}

TEST(Conversion, IsNamedAndNothingForTheSame) {
  const Variant f32 = {Heads(DType::kF32)};
  EXPECT_EQ(TimeConversion(f32, f32, 1)->what, "");
  EXPECT_EQ(TimeConversion(f32, {Heads(DType::kBF16)}, 1)->what, "q, k, v to bf16; out back");
  const auto both = TimeConversion(f32, {Heads(DType::kF16), ops::Layout::kColumns}, 1);
  EXPECT_EQ(both->what, "q, k, v to f16, columns; out back");
  EXPECT_GT(both->seconds, 0);
  const Variant silu = {ops::SigmoidMulProblem{.rows = 3, .cols = 5}};
  const Variant silu64 = {ops::SigmoidMulProblem{.dtype = DType::kF64, .rows = 3, .cols = 5},
                          ops::Layout::kColumns};
  EXPECT_EQ(TimeConversion(silu, silu64, 1)->what, "x to f64; out back");
}

}  // namespace
}  // namespace jitattn::lab
