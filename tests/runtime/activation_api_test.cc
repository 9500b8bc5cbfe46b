// Activations through the C ABI: layouts, types, threads, and what is refused.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/mentions.h"

namespace {

using jitattn::Mentions;
using testing::HasSubstr;

std::string ErrorOf(jitattn_status status) {
  return absl::StrCat(status, ": ", jitattn_last_error());
}

jitattn_activation_problem ProblemOf(int64_t rows, int64_t cols, int32_t function, int32_t gate,
                                     bool clamped = false) {
  jitattn_activation_problem problem;
  jitattn_activation_problem_init(&problem, rows, cols);
  problem.function = function;
  problem.gate = gate;
  problem.clamped = clamped;
  return problem;
}

jitattn_activation_args ArgsOf(const jitattn_activation_problem& problem) {
  jitattn_activation_args args;
  jitattn_activation_args_init(&args, &problem);
  return args;
}

// A plan that leaves the user's cache alone.
jitattn_plan* MakePlan(const jitattn_activation_problem& problem, int threads) {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = threads;
  options.ignore_cache = 1;
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_activation_plan(&problem, &options, &plan), JITATTN_OK) << jitattn_last_error();
  return plan;
}

double Silu(double x) { return x / (1 + std::exp(-x)); }

// Numbers from -4 to 4, none twice in a row.
float Some(int64_t i) { return static_cast<float>((i * 37 % 81) - 40) / 10; }

TEST(ActivationApi, InitialisersGiveSiluOfOneContiguousInput) {
  const jitattn_activation_problem problem = ProblemOf(3, 5, JITATTN_SILU, JITATTN_GATE_NONE);
  EXPECT_EQ(problem.struct_size, sizeof problem);
  EXPECT_EQ(problem.out_dtype, JITATTN_F32);
  const jitattn_activation_args args = ArgsOf(problem);
  EXPECT_EQ(args.struct_size, sizeof args);
  EXPECT_EQ(args.x_stride, 5);
  EXPECT_EQ(args.up_stride, 0);
  EXPECT_EQ(args.out_stride, 5);
  EXPECT_EQ(args.alpha, 1.702);
  EXPECT_EQ(args.limit, INFINITY);
  EXPECT_EQ(args.up_offset, 0);
  EXPECT_EQ(ArgsOf(ProblemOf(3, 5, JITATTN_SILU, JITATTN_GATE_PAIRS)).x_stride, 10);
  EXPECT_EQ(ArgsOf(ProblemOf(3, 5, JITATTN_SILU, JITATTN_GATE_TWO)).up_stride, 5);
  jitattn_activation_problem_init(nullptr, 1, 1);
  jitattn_activation_args_init(nullptr, nullptr);
}

// The gate of the GPT-OSS models: pairs, bounded, bf16 in and float out.
TEST(ActivationApi, PairsWithALimitAndAnOffset) {
  constexpr int64_t kRows = 3, kCols = 21;
  std::vector<jitattn::base::BFloat16> x(kRows * 2 * kCols);
  for (size_t i = 0; i < x.size(); ++i) x[i] = jitattn::base::BFloat16(3 * Some(i));
  jitattn_activation_problem problem =
      ProblemOf(kRows, kCols, JITATTN_QUICK_GELU, JITATTN_GATE_PAIRS, true);
  problem.dtype = JITATTN_BF16;
  jitattn_activation_args args = ArgsOf(problem);
  std::vector<float> out(kRows * kCols), again(kRows * kCols);
  args.x = x.data();
  args.out = out.data();
  args.limit = 7;
  args.up_offset = 1;
  ASSERT_EQ(jitattn_activation(&problem, &args), JITATTN_OK) << jitattn_last_error();
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const double g = std::min(7.0, static_cast<double>(x[2 * i]));
    const double u = std::clamp(static_cast<double>(x[2 * i + 1]), -7.0, 7.0);
    const double expected = g / (1 + std::exp(-1.702 * g)) * (u + 1);
    EXPECT_NEAR(out[i], expected, 1e-6 * std::abs(expected)) << i;
  }
  jitattn_plan* plan = MakePlan(problem, 1);
  args.out = again.data();
  EXPECT_EQ(jitattn_activation_run(plan, &args), JITATTN_OK) << jitattn_last_error();
  EXPECT_EQ(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)), 0);
  jitattn_plan_info info{.struct_size = sizeof info};
  EXPECT_EQ(jitattn_plan_get_info(plan, &info), JITATTN_OK);
  EXPECT_THAT(info.kernel, HasSubstr("quick_gelu_pairs_clamped_bf16_to_f32_"));
  jitattn_plan_free(plan);
}

TEST(ActivationApi, HalvesOfOneMatrixEitherWayRoundAndInPlace) {
  constexpr int64_t kRows = 4, kCols = 19;
  const auto matrix = [] {
    std::vector<float> both(kRows * 2 * kCols);
    for (size_t i = 0; i < both.size(); ++i) both[i] = Some(i);
    return both;
  };
  const jitattn_activation_problem problem =
      ProblemOf(kRows, kCols, JITATTN_SILU, JITATTN_GATE_TWO);
  for (const bool gate_first : {true, false}) {
    std::vector<float> both = matrix();
    jitattn_activation_args args = ArgsOf(problem);
    args.x = both.data() + (gate_first ? 0 : kCols);
    args.up = both.data() + (gate_first ? kCols : 0);
    args.out = both.data();  // over the first half, gate or factor
    args.x_stride = args.up_stride = args.out_stride = 2 * kCols;
    ASSERT_EQ(jitattn_activation(&problem, &args), JITATTN_OK) << jitattn_last_error();
    const std::vector<float> before = matrix();
    for (int64_t i = 0; i < kRows * 2 * kCols; ++i) {
      if (i % (2 * kCols) >= kCols) {
        EXPECT_EQ(both[i], before[i]);
        continue;
      }
      const double first = before[i], second = before[i + kCols];
      EXPECT_NEAR(both[i], gate_first ? Silu(first) * second : Silu(second) * first, 2e-6) << i;
    }
  }
}

// Whole rows, parts of rows, and rows without gaps, which are one row.
TEST(ActivationApi, BitsDoNotDependOnTheThreads) {
  for (const int32_t gate : {JITATTN_GATE_NONE, JITATTN_GATE_TWO, JITATTN_GATE_PAIRS}) {
    for (const auto [rows, gap] : {std::pair<int64_t, int64_t>{1, 0}, {2, 3}, {40, 3}, {3, 0}}) {
      const int64_t cols = 60000 / rows;
      jitattn_activation_problem problem = ProblemOf(rows, cols, JITATTN_GELU, gate);
      problem.dtype = JITATTN_F16;  // an element of the output is twice as long
      std::vector<jitattn::base::Float16> x(2 * rows * (cols + gap)), up(rows * (cols + gap));
      for (size_t i = 0; i < x.size(); ++i) x[i] = jitattn::base::Float16(Some(i));
      for (size_t i = 0; i < up.size(); ++i) up[i] = jitattn::base::Float16(Some(i + 7));
      std::vector<float> results[2];
      for (const int threads : {1, 2}) {
        std::vector<float>& out = results[threads - 1];
        out.assign(rows * (cols + gap), -1.0f);
        jitattn_activation_args args = ArgsOf(problem);
        args.x = x.data();
        args.up = up.data();
        args.out = out.data();
        args.x_stride += gap;
        args.up_stride += gap;
        args.out_stride += gap;
        jitattn_plan* plan = MakePlan(problem, threads);
        EXPECT_EQ(jitattn_activation_run(plan, &args), JITATTN_OK) << jitattn_last_error();
        jitattn_plan_free(plan);
      }
      EXPECT_EQ(results[0], results[1]) << "gate " << gate << ", rows " << rows;
    }
  }
}

TEST(ActivationApi, SigmoidMulIsTheSpecialCase) {
  const jitattn_activation_problem problem = ProblemOf(2, 9, JITATTN_SILU, JITATTN_GATE_NONE);
  std::vector<float> x(18), out(18), plain(18);
  for (size_t i = 0; i < x.size(); ++i) x[i] = Some(i);
  jitattn_sigmoid_mul_problem plain_problem;
  jitattn_sigmoid_mul_problem_init(&plain_problem, 2, 9);
  jitattn_sigmoid_mul_args plain_args;
  jitattn_sigmoid_mul_args_init(&plain_args, &plain_problem);
  plain_args.x = x.data();
  plain_args.out = plain.data();
  ASSERT_EQ(jitattn_sigmoid_mul(&plain_problem, &plain_args), JITATTN_OK);
  jitattn_activation_args args = ArgsOf(problem);
  args.x = x.data();
  args.out = out.data();
  ASSERT_EQ(jitattn_activation(&problem, &args), JITATTN_OK);
  EXPECT_EQ(out, plain);
  jitattn_plan* plan = MakePlan(problem, 1);
  plain.assign(18, 0);
  EXPECT_EQ(jitattn_sigmoid_mul_run(plan, &plain_args), JITATTN_OK) << jitattn_last_error();
  EXPECT_EQ(out, plain);
  jitattn_plan_free(plan);
  // A plan of pairs would read twice the memory that such arguments describe.
  plan = MakePlan(ProblemOf(2, 9, JITATTN_SILU, JITATTN_GATE_PAIRS), 1);
  EXPECT_THAT(ErrorOf(jitattn_sigmoid_mul_run(plan, &plain_args)),
              Mentions({"1", "gate pairs", "one input"}));
  jitattn_plan_free(plan);
}

TEST(ActivationApi, ProblemsAreRefusedWithTheValueAndTheRule) {
  const auto refused = [](auto change) {
    jitattn_activation_problem problem = ProblemOf(4, 8, JITATTN_GELU, JITATTN_GATE_TWO);
    change(problem);
    jitattn_plan* plan = nullptr;
    return ErrorOf(jitattn_activation_plan(&problem, nullptr, &plan));
  };
  EXPECT_THAT(refused([](auto& p) { p.dtype = 9; }), Mentions({"1: dtype 9"}));
  EXPECT_THAT(refused([](auto& p) { p.out_dtype = -1; }), Mentions({"1: out_dtype -1"}));
  EXPECT_THAT(refused([](auto& p) { p.function = 6; }), Mentions({"function 6", "5"}));
  EXPECT_THAT(refused([](auto& p) { p.gate = 3; }), Mentions({"gate 3", "2"}));
  EXPECT_THAT(refused([](auto& p) { p.reserved = 1; }), Mentions({"reserved 1", "0"}));
  EXPECT_THAT(refused([](auto& p) { p.rows = 0; }), Mentions({"rows 0", "1"}));
  EXPECT_THAT(refused([](auto& p) { p.gate = 0, p.clamped = 1; }), Mentions({"clamped", "gate"}));
  EXPECT_THAT(refused([](auto& p) { p.dtype = JITATTN_F64; }), Mentions({"f64", "out_dtype f32"}));
  EXPECT_THAT(refused([](auto& p) { p.struct_size = 8; }), Mentions({"struct_size is 8", "48"}));
}

TEST(ActivationApi, ArgumentsAreRefusedWithTheValueAndTheRule) {
  std::vector<float> x(128), up(128), out(128);
  const auto refused = [&](int32_t gate, bool clamped, auto change) {
    const jitattn_activation_problem problem = ProblemOf(4, 8, JITATTN_QUICK_GELU, gate, clamped);
    jitattn_activation_args args = ArgsOf(problem);
    args.x = x.data();
    args.up = up.data();
    args.out = out.data();
    change(args);
    return ErrorOf(jitattn_activation(&problem, &args));
  };
  constexpr int32_t kTwo = JITATTN_GATE_TWO, kPairs = JITATTN_GATE_PAIRS;
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.up = nullptr; }), Mentions({"up is a null"}));
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.rows = 5; }), Mentions({"rows 5", "4"}));
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.alpha = 0; }), Mentions({"alpha 0", "2^-16"}));
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.alpha = NAN; }), Mentions({"alpha nan"}));
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.limit = 7; }),
              Mentions({"limit 7", "not clamped"}));
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.up_offset = 1; }),
              Mentions({"up_offset 1", "not clamped"}));
  EXPECT_THAT(refused(kTwo, true, [](auto& a) { a.limit = 0; }), Mentions({"limit 0", "above 0"}));
  EXPECT_THAT(refused(kTwo, true, [](auto& a) { a.limit = NAN; }), Mentions({"limit nan"}));
  EXPECT_THAT(refused(kTwo, true, [](auto& a) { a.limit = 1e39; }), Mentions({"limit 1e+39"}));
  EXPECT_THAT(refused(kTwo, true, [](auto& a) { a.up_offset = INFINITY; }),
              Mentions({"up_offset inf"}));
  EXPECT_THAT(refused(kTwo, false, [&](auto& a) { a.out = up.data() + 1; }),
              Mentions({"out overlaps up"}));
  EXPECT_THAT(refused(kTwo, false, [&](auto& a) { a.out = x.data(), a.out_stride = 9; }),
              Mentions({"out overlaps x"}));
  EXPECT_THAT(refused(kPairs, false, [&](auto& a) { a.out = x.data(); }),
              Mentions({"out overlaps x"}));
  EXPECT_THAT(refused(kPairs, false, [&](auto& a) { a.out = x.data() + 63; }),
              Mentions({"out overlaps x"}));
  EXPECT_THAT(refused(kTwo, false, [&](auto& a) { a.out_stride = 0; }), Mentions({"out: rows"}));
  // Without a gate, up is not read.
  EXPECT_THAT(refused(JITATTN_GATE_NONE, false, [](auto& a) { a.up = nullptr; }), HasSubstr("0: "));
  // Runs without elements read nothing.
  EXPECT_THAT(refused(kTwo, false, [](auto& a) { a.cols = 0, a.x = nullptr; }), HasSubstr("0: "));
}

}  // namespace
