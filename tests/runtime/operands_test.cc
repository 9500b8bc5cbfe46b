// Operands of problems that exceed the memory, and of integers.

#include "runtime/operands.h"

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/measure.h"

namespace jitattn::runtime {
namespace {

// From a terabyte up to the largest problem that is valid, where four operands are more bytes than
// 64 bits count.
TEST(Operands, MoreThanThereIsMemoryForIsRefused) {
  int refused = 0;
  for (int power = 40; power < 63; ++power) {
    for (int64_t less : {0, 1, 16}) {
      const int64_t length = (int64_t{1} << power) - less;
      for (const ops::Problem& problem :
           {ops::Problem(ops::AttentionProblem{
                .q_len = length, .kv_len = length, .head_dim = 1, .value_dim = 1}),
            ops::Problem(ops::AttentionProblem{.heads = length,
            .kv_heads = 1,
            .q_len = 1,
            .kv_len = 1,
            .head_dim = 1,
            .value_dim = 1}),
            ops::Problem(ops::AttentionProblem{
                .batch = length, .q_len = 0, .kv_len = 1, .head_dim = 1, .value_dim = 1}),
            ops::Problem(ops::SigmoidMulProblem{.rows = 1, .cols = length}),
            ops::Problem(ops::SigmoidMulProblem{.rows = length, .cols = 1})}) {
        for (Layout layout : {ops::Layout::kHeads, ops::Layout::kColumns}) {
          const auto operands =
              Operands::Create(problem, {.buffers = ops::Buffers::kCold, .layout = layout}, 1);
          const absl::StatusCode expected = ops::Validate(problem).ok()
                                                ? absl::StatusCode::kResourceExhausted
                                                : absl::StatusCode::kInvalidArgument;
          ASSERT_EQ(operands.status().code(), expected)
              << ops::Describe(problem) << ": " << operands.status();
          refused += expected == absl::StatusCode::kResourceExhausted;
        }
      }
    }
  }
  EXPECT_GT(refused, 200);
}

// Random integers and scales stand for numbers about as large as the queries, in both layouts.
TEST(Operands, IntegersAndScalesMakeOrdinaryValues) {
  for (const auto& [type, block] :
       {std::pair(jit::KvType::kI8, 0), {jit::KvType::kI8, 32}, {jit::KvType::kQ8_0, 0}}) {
    for (const Layout layout : {ops::Layout::kHeads, ops::Layout::kColumns}) {
      ops::AttentionProblem problem{.heads = 2, .kv_heads = 2, .q_len = 3, .kv_len = 50};
      problem.kv_type = type;
      problem.kv_scale_block = block;
      auto measurer = MakeMeasurer(problem, HostCpu(),
                                   {.conditions = {.layout = layout}, .error_to_original = true});
      ASSERT_TRUE(measurer.ok()) << measurer.status();
      const Evaluation e = (*measurer)->Evaluate(ops::DefaultConfig(problem, HostCpu(), 1), {});
      ASSERT_EQ(e.outcome, Evaluation::Outcome::kMeasured) << e.error;
      // Such data have no original of higher precision: the error is that of the computation.
      EXPECT_GT(e.max_error, 0);
      EXPECT_LT(e.max_error, 1e-5);
    }
  }
}

// Every page of the pool is in the tables once, and not in the order of memory.
TEST(Operands, PagesAreInRandomOrder) {
  const ops::AttentionProblem problem{
      .batch = 3, .heads = 2, .kv_heads = 2, .q_len = 1, .kv_len = 100, .page_size = 16};
  for (const Layout layout : {ops::Layout::kHeads, ops::Layout::kColumns}) {
    const auto operands = Operands::Create(problem, {.layout = layout}, 1);
    ASSERT_TRUE(operands.ok()) << operands.status();
    const ops::Args bound = (*operands)->Args(0);
    const auto& args = bound.As<jitattn_attention_args>();
    EXPECT_EQ(args.block_table_stride, 7);
    EXPECT_EQ(args.k_strides[0], 16 * 2 * 64);
    EXPECT_EQ(args.k_strides[2], layout == ops::Layout::kHeads ? 64 : 2 * 64);
    std::vector<int32_t> table(args.block_table, args.block_table + 21), all(21);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_THAT(table, testing::UnorderedElementsAreArray(all));
    EXPECT_NE(table, all);
  }
}

}  // namespace
}  // namespace jitattn::runtime
