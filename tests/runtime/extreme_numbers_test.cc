// Operands at the ends of the range and more keys than float counts, through the C ABI with default
// configurations.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/small_float.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"

namespace {

using jitattn::BFloat16;
using jitattn::Float16;

jitattn_plan* DefaultPlan(const jitattn_attention_problem& problem) {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_attention_plan(&problem, &options, &plan), JITATTN_OK) << jitattn_last_error();
  return plan;
}

// Every operand is x everywhere: every weight is 1/n and every result x.
template <typename T>
void ExpectOneNumber(int32_t dtype, float x, int64_t q_len, int64_t kv_len, int32_t mask) {
  constexpr int64_t kDim = 64;
  const T value = static_cast<T>(x);
  const std::vector<T> in(std::max(q_len, kv_len) * kDim, value);
  std::vector<T> out(q_len * kDim, static_cast<T>(0.0f));
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, q_len, kDim);
  problem.kv_len = kv_len;
  problem.dtype = dtype;
  problem.mask = mask;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = args.k = args.v = in.data();
  args.out = out.data();
  jitattn_plan* plan = DefaultPlan(problem);
  ASSERT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK) << jitattn_last_error();
  jitattn_plan_free(plan);
  for (const T y : out) {
    ASSERT_NEAR(static_cast<double>(y) / static_cast<double>(value), 1,
                2e-5 + std::numeric_limits<T>::epsilon())
        << "type " << dtype << ", " << x << ", " << q_len << " queries, " << kv_len << " keys";
  }
}

TEST(ExtremeNumbers, OneNumberEverywhere) {
  for (const int32_t mask : {JITATTN_MASK_NONE, JITATTN_MASK_CAUSAL}) {
    for (const int64_t kv_len : {1, 64, 257, 300, 1024}) {
      for (const int64_t q_len : {1, 17, 32}) {
        if (q_len > kv_len) continue;
        for (const float x : {15000.0f, 20000.0f, 133120.0f, 1e9f, 1e18f}) {
          ExpectOneNumber<float>(JITATTN_F32, x, q_len, kv_len, mask);
          ExpectOneNumber<double>(JITATTN_F64, x, q_len, kv_len, mask);
          ExpectOneNumber<BFloat16>(JITATTN_BF16, x, q_len, kv_len, mask);
          if (x < 65504) ExpectOneNumber<Float16>(JITATTN_F16, x, q_len, kv_len, mask);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// The greatest score is at the end, and takes everything.
TEST(ExtremeNumbers, TheGreatestScoreTakesEverything) {
  constexpr int64_t kQueries = 24, kKeys = 300;
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, kQueries, 1);
  problem.kv_len = kKeys;
  const std::vector<float> q(kQueries, 1);
  std::vector<float> k(kKeys), v(kKeys), out(kQueries);
  for (int64_t key = 0; key < kKeys; ++key) v[key] = static_cast<float>(key);
  k[0] = 697093376;
  k[299] = 1321446528;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q.data(), args.k = k.data(), args.v = v.data(), args.out = out.data();
  args.scale = 1;
  jitattn_plan* plan = DefaultPlan(problem);
  ASSERT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK) << jitattn_last_error();
  jitattn_plan_free(plan);
  EXPECT_EQ(out, std::vector<float>(kQueries, 299));
}

// 2^26 equal keys in one place. One by one, their sum would stop at 2^24.
TEST(ExtremeNumbers, MoreKeysThanFloatCounts) {
  for (const int64_t q_len : {1, 24}) {
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, 1, q_len, 1);
    problem.kv_len = int64_t{1} << 26;
    const std::vector<float> q(q_len, 1);
    std::vector<float> out(q_len);
    const float k = 1, v = 3;
    jitattn_attention_args args;
    jitattn_attention_args_init(&args, &problem);
    args.q = q.data(), args.k = &k, args.v = &v, args.out = out.data();
    args.k_strides[2] = args.v_strides[2] = 0;
    jitattn_plan* plan = DefaultPlan(problem);
    jitattn_plan_info info = {.struct_size = sizeof info};
    ASSERT_EQ(jitattn_plan_get_info(plan, &info), JITATTN_OK);
    const bool slow = info.portable != 0;  // tests/jit has a case of fewer rows and keys
    if (!slow) {
      EXPECT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK) << jitattn_last_error();
    }
    jitattn_plan_free(plan);
    if (slow) GTEST_SKIP() << "no emitted code";
    EXPECT_EQ(out, std::vector<float>(q_len, 3));
  }
}

}  // namespace
