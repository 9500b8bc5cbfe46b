// What --dim and its overriding flags stand for, and the rules they may break.

#include "cli/problem_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Error(const ProblemFlags& flags) {
  const auto problems = flags.Problems();
  return problems.ok() ? "" : std::string(problems.status().message());
}

TEST(ProblemFlagsTest, DimIsOneHeadAndASquareMatrix) {
  ProblemFlags flags;
  flags.dims = {1024};
  const auto problems = flags.Problems();
  ASSERT_TRUE(problems.ok()) << problems.status();
  ASSERT_EQ(problems->size(), 2u);
  EXPECT_EQ((*problems)[0],
            ops::Problem(ops::AttentionProblem{
                .q_len = 1024, .kv_len = 1024, .head_dim = 1024, .value_dim = 1024}));
  EXPECT_EQ((*problems)[1], ops::Problem(ops::SigmoidMulProblem{.rows = 1024, .cols = 1024}));
}

TEST(ProblemFlagsTest, HeadsSplitTheColumns) {
  ProblemFlags flags;
  flags.op = "attention";
  flags.dims = {1024};
  flags.sizes = {{"--heads", 16}, {"--kv-heads", 4}, {"--kv-seq", 2048}};
  flags.dtype = "float64";
  flags.chosen = {"--causal"};
  const auto problem = flags.OneProblem();
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(*problem, ops::Problem(ops::AttentionProblem{.dtype = DType::kF64,
                                                         .mask = jit::Mask::kCausal,
                                                         .heads = 16,
                                                         .kv_heads = 4,
                                                         .q_len = 1024,
                                                         .kv_len = 2048,
                                                         .head_dim = 64,
                                                         .value_dim = 64}));
}

TEST(ProblemFlagsTest, SeveralDimsEachCountOnce) {
  ProblemFlags flags;
  flags.dims = {64, 128, 64};
  const auto problems = flags.Problems();
  ASSERT_TRUE(problems.ok()) << problems.status();
  EXPECT_EQ(problems->size(), 4u);
}

TEST(ProblemFlagsTest, FlagsAloneSayWhichOperationIsMeant) {
  ProblemFlags sigmoid_mul;
  sigmoid_mul.sizes = {{"--rows", 1024}, {"--cols", 11008}};
  const auto problem = sigmoid_mul.OneProblem();
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(*problem, ops::Problem(ops::SigmoidMulProblem{.rows = 1024, .cols = 11008}));

  ProblemFlags attention;
  attention.sizes = {{"--seq", 77}, {"--head-dim", 64}, {"--value-dim", 32}};
  const auto other = attention.OneProblem();
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(*other, ops::Problem(ops::AttentionProblem{
                        .q_len = 77, .kv_len = 77, .head_dim = 64, .value_dim = 32}));
}

TEST(ProblemFlagsTest, OptionsOfSeveralWords) {
  ProblemFlags flags;
  flags.sizes = {{"--rows", 3}, {"--cols", 5}};
  flags.words = {{"--function", 2}, {"--gate", 1}, {"--out-dtype", 3}};
  flags.chosen = {"--clamped"};
  const auto problem = flags.OneProblem();
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(*problem, ops::Problem(ops::SigmoidMulProblem{.out = jit::OutType::kBF16,
                                                          .activation = jit::Activation::kGelu,
                                                          .gate = jit::Gate::kTwo,
                                                          .clamped = true,
                                                          .rows = 3,
                                                          .cols = 5}));
  flags.dtype = "bf16";  // its own type is no other type
  EXPECT_EQ(flags.OneProblem()->As<ops::SigmoidMulProblem>().out, jit::OutType::kSame);
  flags.words.erase("--gate");
  EXPECT_THAT(Error(flags), Mentions({"clamped", "gate none"}));
  flags = {};
  flags.op = "attention";
  flags.dims = {64};
  flags.words = {{"--gate", 1}};
  EXPECT_THAT(Error(flags), Mentions({"--gate", "attention"}));
  EXPECT_EQ(flags.FlagOf(ops::kSigmoidMul), "--gate");
  EXPECT_EQ(flags.FlagNotOf(ops::kAttention), "--gate");
}

TEST(ProblemFlagsTest, ErrorsCarryTheValueAndTheRule) {
  ProblemFlags flags;
  EXPECT_THAT(Error(flags), Mentions({"--dim"}));
  flags.dims = {1024};
  flags.sizes = {{"--heads", 7}};
  EXPECT_THAT(Error(flags), Mentions({"--heads", "7", "--dim", "1024", "2"}));
  flags.sizes = {{"--heads", 16}, {"--kv-heads", 3}};
  EXPECT_THAT(Error(flags), Mentions({"3", "16"}));
  flags.sizes = {{"--heads", 16}};
  flags.op = "sigmoid-mul";
  EXPECT_THAT(Error(flags), Mentions({"--heads", "sigmoid-mul"}));
  flags.sizes.clear();
  flags.chosen = {"--causal"};
  EXPECT_THAT(Error(flags), Mentions({"--causal", "sigmoid-mul"}));
  ProblemFlags half;
  half.sizes = {{"--rows", 5}};
  EXPECT_THAT(Error(half), Mentions({"sigmoid-mul", "--dim", "--rows", "--cols"}));
  ProblemFlags both;
  both.dims = {64};
  EXPECT_THAT(both.OneProblem().status().message(), Mentions({"2", "--op"}));
}

// One flag for each size and option of the operations, whatever they are.
TEST(ProblemFlagsTest, FlagsAreThoseOfTheTables) {
  std::map<std::string, int64_t> least;
  for (const SizeFlag& flag : SizeFlags()) {
    EXPECT_TRUE(least.emplace(flag.name, flag.least).second) << flag.name << " twice";
    EXPECT_THAT(std::string(flag.help), Not(IsEmpty())) << flag.name;
  }
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Dim& dim : operation->dims) {
      EXPECT_TRUE(least.contains(std::string(dim.flag))) << dim.flag;
    }
  }
  EXPECT_EQ(least.at("--seq"), 0);  // a run may be empty
  EXPECT_EQ(least.at("--heads"), 1);

  ProblemFlags flags;
  EXPECT_EQ(flags.AnyFlag(), "");
  EXPECT_EQ(flags.SizeOrOption(), "");
  flags.sizes = {{"--seq", 5}};
  flags.chosen = {"--causal"};
  EXPECT_EQ(flags.size("--seq"), 5);
  EXPECT_EQ(flags.size("--heads"), std::nullopt);
  EXPECT_EQ(flags.SizeOrOption(), "--seq");
  EXPECT_EQ(flags.AnyFlag(), "--seq");
  EXPECT_EQ(flags.FlagOf(ops::kAttention), "--seq");
  EXPECT_EQ(flags.FlagNotOf(ops::kAttention), "");
  EXPECT_EQ(flags.FlagOf(ops::kSigmoidMul), "");
  EXPECT_EQ(flags.FlagNotOf(ops::kSigmoidMul), "--seq");
  flags.sizes.clear();
  EXPECT_EQ(flags.SizeOrOption(), "--causal");
  EXPECT_EQ(flags.FlagNotOf(ops::kSigmoidMul), "--causal");
}

TEST(ProblemFlagsTest, NumbersAreChecked) {
  const Check check = WholeNumber(1, 100);
  EXPECT_EQ(check("1"), "");
  EXPECT_EQ(check("100"), "");
  EXPECT_THAT(check("0"), Mentions({"0", "1"}));
  EXPECT_THAT(check("-3"), Mentions({"-3", "1"}));
  EXPECT_THAT(check("101"), Mentions({"101", "100"}));
  for (const char* text : {"", "12x", "1e3", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(check(text), HasSubstr(std::string("'") + text + "'"));
  }
  const Check positive = PositiveNumber();
  EXPECT_EQ(positive("0.5"), "");
  for (const char* text : {"0", "-1", "nan", "inf", "", "2s"}) {
    EXPECT_THAT(positive(text), HasSubstr(std::string("'") + text + "'"));
  }
}

}  // namespace
}  // namespace jitattn::cli
