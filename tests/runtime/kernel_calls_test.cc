// The kernel calls of a run made directly: the same bits, and nothing where there is no such list.

#include "runtime/kernel_calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runtime/operands.h"
#include "tests/jit/needs.h"

namespace jitattn::runtime {
namespace {

TEST(KernelCalls, ComputeWhatTheRunComputes) {
  using jit::AttentionProblem;
  using jit::Mask;
  const AttentionProblem problems[] = {
      // Queries in the lanes, then columns: few rows, and a group of heads that share keys.
      {.batch = 2, .heads = 3, .kv_heads = 3, .q_len = 40, .kv_len = 40},
      {.mask = Mask::kCausal, .heads = 4, .kv_heads = 2, .q_len = 33, .kv_len = 50},
      {.batch = 2, .heads = 8, .kv_heads = 8, .q_len = 16, .kv_len = 16},
      {.heads = 8, .kv_heads = 2, .q_len = 2, .kv_len = 30},
  };
  for (const AttentionProblem& problem : problems) {
    SCOPED_TRACE(jit::Describe(problem));
    auto plan = Plan::Create(problem, {.threads = 1, .use_cache = false});
    ASSERT_TRUE(plan.ok()) << plan.status();
    auto operands = Operands::Create(problem, cache::Buffers::kHot, 1);
    ASSERT_TRUE(operands.ok()) << operands.status();
    Operands& data = **operands;
    const auto output = data.Bytes(0, data.operands() - 1);
    ASSERT_TRUE(data.Run(**plan, 0).ok());
    const std::vector<char> expected(output.begin(), output.end());
    const auto calls = KernelCalls::Of(*plan, data.AttentionArgs(0));
    ASSERT_TRUE(calls.has_value());
    data.Poison();
    calls->Run();
    EXPECT_TRUE(data.Check().correct);
    EXPECT_TRUE(std::equal(output.begin(), output.end(), expected.begin()));
  }
}

class KernelCallsOf : public testing::TestWithParam<jit::Isa> {};

TEST_P(KernelCallsOf, SeveralThreadsAndKeysTakenApartHaveNoSuchList) {
  const jit::Isa isa = GetParam();
  if (const std::string needs = jit::testing::Needs(isa); !needs.empty()) GTEST_SKIP() << needs;
  const jit::AttentionProblem problem{.heads = 2, .kv_heads = 2, .q_len = 1, .kv_len = 4096};
  auto operands = Operands::Create(problem, cache::Buffers::kHot, 1);
  ASSERT_TRUE(operands.ok()) << operands.status();
  const auto has_list = [&](jit::AttentionConfig config) {
    auto plan = Plan::Create(problem, {.threads = config.threads, .config = config});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() && KernelCalls::Of(*plan, (*operands)->AttentionArgs(0)).has_value();
  };
  jit::AttentionConfig queries = {.isa = isa, .qk_vecs = 1, .exp_vecs = 2, .pv_vecs = 1};
  jit::AttentionConfig columns = {.isa = isa,
                                  .lanes = jit::LaneAxis::kColumns,
                                  .q_vecs = 1,
                                  .kv_block = 128,
                                  .qk_keys = 1,
                                  .qk_unroll = 4,
                                  .exp_vecs = 2,
                                  .pv_rows = 1};
  EXPECT_TRUE(has_list(columns));
  columns.kv_split = 1;
  EXPECT_FALSE(has_list(columns));
  EXPECT_TRUE(has_list(queries));
  queries.threads = 2;
  EXPECT_FALSE(has_list(queries));
}

INSTANTIATE_TEST_SUITE_P(All, KernelCallsOf, testing::Values(jit::Isa::kAvx2, jit::Isa::kAvx512),
                         [](const auto& info) { return std::string(jit::Name(info.param)); });

}  // namespace
}  // namespace jitattn::runtime
