// The kernel calls of a run made directly: the same bits, and nothing where several threads run.

#include "lab/measuring/kernel_calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/operands.h"
#include "runtime/plan.h"
#include "tests/jit/needs.h"

namespace jitattn::lab {
namespace {

// Runs the plan, then its calls alone, on the same operands.
void ExpectTheSameBits(const ops::Problem& problem,
                       const std::shared_ptr<const runtime::Plan>& plan) {
  SCOPED_TRACE(ops::Describe(problem) + ": " + ops::ToString(plan->config()));
  auto operands = runtime::Operands::Create(problem, {}, 1);
  ASSERT_TRUE(operands.ok()) << operands.status();
  runtime::Operands& data = **operands;
  const auto output = data.Bytes(0, data.operands() - 1);
  ASSERT_TRUE(data.Run(*plan, 0).ok());
  const std::vector<char> expected(output.begin(), output.end());
  const ops::Args args = data.Args(0);
  const auto calls = KernelCalls::Of(plan, args.get());
  ASSERT_TRUE(calls.has_value());
  for (int again = 0; again < 2; ++again) {
    data.Poison();
    calls->Run();
    EXPECT_TRUE(data.Check().correct);
    EXPECT_TRUE(std::equal(output.begin(), output.end(), expected.begin()));
  }
}

TEST(KernelCalls, ComputeWhatTheRunComputes) {
  using jit::Mask;
  using ops::AttentionProblem;
  const ops::Problem problems[] = {
      // Tiles, then rows: few of them, and a group of heads that share keys.
      AttentionProblem{.batch = 2, .heads = 3, .kv_heads = 3, .q_len = 40, .kv_len = 40},
      AttentionProblem{.mask = Mask::kCausal, .heads = 4, .kv_heads = 2, .q_len = 33, .kv_len = 50},
      AttentionProblem{.batch = 2, .heads = 8, .kv_heads = 8, .q_len = 16, .kv_len = 16},
      AttentionProblem{.heads = 8, .kv_heads = 2, .q_len = 2, .kv_len = 30},
      ops::SigmoidMulProblem{.rows = 7, .cols = 130},
  };
  for (const ops::Problem& problem : problems) {
    auto plan = runtime::Plan::Create(problem, HostCpu(), {.use_cache = false});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ExpectTheSameBits(problem, *plan);
  }
}

class KernelCallsOf : public testing::TestWithParam<Isa> {};

TEST_P(KernelCallsOf, SeveralThreadsHaveNoSuchListAndKeysTakenApartHave) {
  const Isa isa = GetParam();
  if (const std::string needs = jit::testing::Needs(isa); !needs.empty()) GTEST_SKIP() << needs;
  const ops::AttentionProblem problem{.heads = 2, .kv_heads = 2, .q_len = 1, .kv_len = 4096};
  const auto make = [&](const ops::Config& config) {
    auto plan = runtime::Plan::Create(
        problem, HostCpu(), {.conditions = {.threads = config.threads()}, .config = config});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : nullptr;
  };
  jit::TilesConfig tiles = {.isa = isa, .qk_vecs = 1, .exp_vecs = 2, .pv_vecs = 1};
  jit::RowsConfig rows = {.isa = isa, .tile_rows = 1, .exp_vecs = 2, .pv_rows = 1};
  for (const int kv_split : {0, 1, 4}) {
    rows.kv_split = kv_split;
    ASSERT_NE(make(rows), nullptr);
    ExpectTheSameBits(problem, make(rows));
  }
  ASSERT_NE(make(tiles), nullptr);
  ExpectTheSameBits(problem, make(tiles));
  auto operands = runtime::Operands::Create(problem, {}, 1);
  ASSERT_TRUE(operands.ok()) << operands.status();
  const ops::Args args = (*operands)->Args(0);
  rows.threads = tiles.threads = 2;
  EXPECT_FALSE(KernelCalls::Of(make(rows), args.get()).has_value());
  EXPECT_FALSE(KernelCalls::Of(make(tiles), args.get()).has_value());
}

INSTANTIATE_TEST_SUITE_P(All, KernelCallsOf, testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace jitattn::lab
