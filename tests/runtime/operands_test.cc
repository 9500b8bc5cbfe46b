// Operands of problems that exceed the memory.

#include "runtime/operands.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

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

}  // namespace
}  // namespace jitattn::runtime
