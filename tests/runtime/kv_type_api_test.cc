// Keys and values of another type in the C API: what it fills in, and what it refuses.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "jitattn/jitattn.hpp"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using ::testing::ElementsAre;

jitattn_attention_problem ProblemOf(int32_t kv_type, int64_t block = 0) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 8, 64);
  problem.kv_type = kv_type;
  problem.kv_scale_block = block;
  return problem;
}

std::string PlanError(const jitattn_attention_problem& problem) {
  jitattn_plan* plan = nullptr;
  const jitattn_status status = jitattn_attention_plan(&problem, nullptr, &plan);
  jitattn_plan_free(plan);
  return absl::StrCat(status, ": ", status == JITATTN_OK ? "" : jitattn_last_error());
}

TEST(KvTypeApi, ArgumentsHaveDenseStrides) {
  jitattn_attention_problem problem = ProblemOf(JITATTN_KV_Q8_0);
  problem.value_dim = 96;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  EXPECT_THAT(args.k_strides, ElementsAre(2 * 8 * 2, 8 * 2, 2));  // blocks
  EXPECT_THAT(args.v_strides, ElementsAre(2 * 8 * 3, 8 * 3, 3));
  problem.kv_type = JITATTN_KV_I8;
  jitattn_attention_args_init(&args, &problem);
  EXPECT_THAT(args.k_strides, ElementsAre(2 * 8 * 64, 8 * 64, 64));
  EXPECT_THAT(args.k_scale_strides, ElementsAre(2 * 8, 8, 1));
  problem.kv_scale_block = 64;
  jitattn_attention_args_init(&args, &problem);
  EXPECT_THAT(args.k_scale_strides, ElementsAre(2 * 8, 8, 1));
  EXPECT_THAT(args.v_scale_strides, ElementsAre(2 * 8 * 2, 8 * 2, 2));
}

// A struct of the version before has the members of that version filled in.
TEST(KvTypeApi, OlderArgumentsKeepTheirDefaults) {
  const jitattn_attention_problem problem = ProblemOf(JITATTN_KV_OWN);
  jitattn_attention_args args;
  jitattn_attention_args_init_sized(&args, offsetof(jitattn_attention_args, k_scales), &problem);
  EXPECT_THAT(args.lse_strides, ElementsAre(2 * 8, 8, 1));
  EXPECT_THAT(args.bias_strides, ElementsAre(2 * 8 * 8, 8 * 8, 8));
}

TEST(KvTypeApi, BadProblemsAreNamed) {
  EXPECT_EQ(PlanError(ProblemOf(JITATTN_KV_I8, 32)), "0: ");
  EXPECT_THAT(PlanError(ProblemOf(6)), Mentions({"1", "kv_type", "6"}));
  EXPECT_THAT(PlanError(ProblemOf(-1)), Mentions({"1", "kv_type", "-1"}));
  EXPECT_THAT(PlanError(ProblemOf(JITATTN_KV_I8, 33)), Mentions({"1", "kv_scale_block 33", "32"}));
  EXPECT_THAT(PlanError(ProblemOf(JITATTN_KV_I8, -32)), Mentions({"1", "kv_scale_block", "-32"}));
  EXPECT_THAT(PlanError(ProblemOf(JITATTN_KV_Q8_0, 32)), Mentions({"1", "kv_scale_block", "q8_0"}));
  EXPECT_THAT(PlanError(ProblemOf(JITATTN_KV_OWN, 32)), Mentions({"1", "kv_scale_block", "own"}));
  jitattn_attention_problem problem = ProblemOf(JITATTN_KV_Q8_0);
  problem.value_dim = 40;
  EXPECT_THAT(PlanError(problem), Mentions({"1", "value_dim 40", "32"}));
  problem = ProblemOf(JITATTN_KV_BF16);
  problem.dtype = JITATTN_F64;
  EXPECT_THAT(PlanError(problem), Mentions({"1", "kv_type bf16", "f64"}));
  problem = ProblemOf(JITATTN_KV_OWN);
  problem.reserved = 1;
  EXPECT_THAT(PlanError(problem), Mentions({"1", "reserved", "1"}));
}

std::string RunError(int32_t kv_type, void (*change)(jitattn_attention_args&)) {
  const jitattn_attention_problem problem = ProblemOf(kv_type);
  std::vector<float> memory(5 * 2 * 8 * 64, 0);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = &memory[0], args.k = &memory[1024], args.v = &memory[2048], args.out = &memory[3072];
  args.k_scales = &memory[4096], args.v_scales = &memory[4200];
  change(args);
  const jitattn_status status = jitattn_attention(&problem, &args);
  return absl::StrCat(status, ": ", status == JITATTN_OK ? "" : jitattn_last_error());
}

TEST(KvTypeApi, BadArgumentsAreNamed) {
  using Args = jitattn_attention_args;
  EXPECT_EQ(RunError(JITATTN_KV_I8, [](Args&) {}), "0: ");
  EXPECT_EQ(RunError(JITATTN_KV_Q8_0, [](Args& a) { a.k_scales = a.v_scales = nullptr; }), "0: ");
  EXPECT_THAT(RunError(JITATTN_KV_I8, [](Args& a) { a.k_scales = nullptr; }),
              Mentions({"1", "k_scales"}));
  EXPECT_THAT(RunError(JITATTN_KV_I8, [](Args& a) { a.v_scales = nullptr; }),
              Mentions({"1", "v_scales"}));
  EXPECT_THAT(RunError(JITATTN_KV_I8,
                       [](Args& a) {
                         a.v_scales = reinterpret_cast<const float*>(
                             reinterpret_cast<const char*>(a.v_scales) + 2);
                       }),
              Mentions({"1", "v_scales", "multiple", "4"}));
  EXPECT_THAT(
      RunError(JITATTN_KV_I8, [](Args& a) { a.v_scales = static_cast<const float*>(a.out) + 5; }),
      Mentions({"1", "out", "v_scales"}));
  EXPECT_THAT(RunError(JITATTN_KV_I8, [](Args& a) { a.k_scale_strides[2] = INT64_MAX / 2; }),
              Mentions({"1", "k_scales", "strides"}));
  EXPECT_THAT(RunError(JITATTN_KV_Q8_0, [](Args& a) { a.k = static_cast<const char*>(a.k) + 1; }),
              Mentions({"1", "k", "multiple", "2"}));
  EXPECT_THAT(RunError(JITATTN_KV_BF16, [](Args& a) { a.v = static_cast<const char*>(a.v) + 1; }),
              Mentions({"1", "v", "multiple", "2"}));
  // The rows of k are as long as their type says: q's memory lies behind these.
  EXPECT_EQ(RunError(JITATTN_KV_I8,
                     [](Args& a) {
                       a.k = static_cast<const char*>(a.out) - 2 * 8 * 64;
                       a.v = a.k;
                     }),
            "0: ");
}

// The type of the queries has two names and one result.
TEST(KvTypeApi, TheOwnTypeByItsNameGivesTheSameBits) {
  std::vector<float> q(2 * 8 * 64), k(q), v(q), out[2] = {q, q};
  for (size_t i = 0; i < q.size(); ++i) {
    q[i] = static_cast<float>(i % 17) - 8, k[i] = static_cast<float>(i % 13) / 8;
    v[i] = static_cast<float>(i % 19) - 9;
  }
  for (const int32_t kv_type : {JITATTN_KV_OWN, JITATTN_KV_F32}) {
    const AttentionShape shape = {.heads = 2, .q_len = 8, .kv_type = kv_type};
    ASSERT_TRUE(Attention(shape, q.data(), k.data(), v.data(), out[kv_type].data()).ok());
  }
  EXPECT_EQ(out[0], out[1]);
}

TEST(KvTypeApi, AnInt8CacheInCpp) {
  std::vector<float> q(4 * 64, 0.25f), out(4 * 64), k_scales(8, 0.5f), v_scales(8);
  std::vector<int8_t> k(8 * 64, 3), v(8 * 64);
  for (int key = 0; key < 8; ++key) {
    v_scales[key] = 0.125f;
    for (int d = 0; d < 64; ++d) v[key * 64 + d] = static_cast<int8_t>(d - 32);
  }
  const AttentionShape shape = {.q_len = 4, .kv_len = 8, .kv_type = JITATTN_KV_I8};
  auto plan = AttentionPlan<float>::Make(shape);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  auto args = ArgsOfCache<float>(plan->problem(), q.data(), k.data(), v.data(), out.data());
  args.k_scales = k_scales.data(), args.v_scales = v_scales.data();
  ASSERT_TRUE(plan->Run(args).ok());
  for (int d = 0; d < 64; ++d) EXPECT_FLOAT_EQ(out[d], (static_cast<float>(d) - 32) / 8);
}

}  // namespace
}  // namespace jitattn::runtime
