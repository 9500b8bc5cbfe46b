// Plans of the "rows" algorithm: keys cut into tasks, merged by whoever comes last.

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "runtime/plan.h"
#include "runtime_testing.h"
#include "tests/jit/needs.h"

namespace jitattn::runtime {
namespace {

using jit::Mask;
using ops::AttentionProblem;

class DecodePlan : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    const std::string needs = jit::testing::Needs(GetParam());
    if (!needs.empty()) GTEST_SKIP() << needs;
  }

  // Blocks of 32 keys, `split` of them a task.
  std::shared_ptr<const Plan> MakePlan(const AttentionProblem& problem, int threads, int split) {
    const jit::RowsConfig config = {.isa = GetParam(),
                                    .threads = threads,
                                    .tile_rows = 4,
                                    .kv_block = 32,
                                    .exp_vecs = 2,
                                    .pv_rows = 2,
                                    .pv_vecs = 2,
                                    .prefetch = 16,
                                    .kv_split = split};
    auto plan = Plan::Create(
        problem, HostCpu(),
        {.conditions = {.threads = threads}, .config = ops::Canonical(config, problem)});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : nullptr;
  }
};

std::vector<AttentionProblem> Problems() {
  std::vector<AttentionProblem> problems;
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const Mask mask : {Mask::kNone, Mask::kCausal}) {
      problems.push_back({.dtype = dtype, .mask = mask, .kv_len = 1000});
      problems.push_back({.dtype = dtype,
                          .mask = mask,
                          .batch = 2,
                          .heads = 15,
                          .kv_heads = 3,
                          .q_len = 4,
                          .kv_len = 333,
                          .head_dim = 40,
                          .value_dim = 72});
    }
  }
  return problems;
}

TEST_P(DecodePlan, AgreesWithTheFormulaInTheSameBitsForAnyThreads) {
  for (const AttentionProblem& problem : Problems()) {
    AttentionData data(problem);
    for (const int split : {0, 1, 4}) {
      ASSERT_TRUE(MakePlan(problem, 1, split)->Run(data.args()).ok());
      EXPECT_LE(data.MaxError(data.args()), problem.dtype == DType::kF64 ? 1e-13 : 2e-5)
          << ops::Describe(problem) << ", split " << split;
      const std::string one = data.out_bytes();
      for (const int threads : {2, 3, 8}) {
        data.SpoilOut();
        ASSERT_TRUE(MakePlan(problem, threads, split)->Run(data.args()).ok());
        EXPECT_TRUE(data.out_bytes() == one)
            << ops::Describe(problem) << ", split " << split << ", " << threads << " threads";
      }
    }
  }
}

TEST_P(DecodePlan, ShorterRunsThanPlanned) {
  for (const AttentionProblem& problem : Problems()) {
    AttentionData data(problem);
    const auto plan = MakePlan(problem, 2, 2);
    for (const int64_t kv_len : {0, 1, 31, 64, 65, 200}) {
      auto args = data.args();
      args.batch = 1;
      args.kv_len = kv_len;
      args.q_len = std::min<int64_t>(args.q_len, 2);
      args.causal_offset = kv_len - args.q_len;
      data.SpoilOut();
      ASSERT_TRUE(plan->Run(args).ok());
      EXPECT_LE(data.MaxError(args), problem.dtype == DType::kF64 ? 1e-13 : 2e-5)
          << ops::Describe(problem) << ", " << kv_len << " keys";
    }
  }
}

TEST_P(DecodePlan, CallersScratchIsEnoughAndUsedAlone) {
  for (const AttentionProblem& problem : Problems()) {
    AttentionData data(problem);
    const auto plan = MakePlan(problem, 2, 2);
    ASSERT_TRUE(plan->Run(data.args()).ok());
    const std::string expected = data.out_bytes();
    std::vector<char> memory(plan->scratch_bytes() + 128, '\x5A');
    const size_t skip = 64 - reinterpret_cast<uintptr_t>(memory.data()) % 64;
    auto args = data.args();
    args.scratch = memory.data() + skip;
    data.SpoilOut();
    ASSERT_TRUE(plan->Run(args).ok());
    EXPECT_TRUE(data.out_bytes() == expected);
    for (size_t i = 0; i < memory.size(); ++i) {
      if (i < skip || i >= skip + plan->scratch_bytes()) {
        ASSERT_EQ(memory[i], '\x5A') << i;
      }
    }
  }
}

TEST_P(DecodePlan, RunsAtOnceGiveTheSameBits) {
  const AttentionProblem problem = Problems()[1];
  const auto plan = MakePlan(problem, 2, 1);
  AttentionData one(problem);
  ASSERT_TRUE(plan->Run(one.args()).ok());
  std::vector<std::unique_ptr<AttentionData>> data;
  for (int i = 0; i < 4; ++i) data.push_back(std::make_unique<AttentionData>(problem));
  std::vector<std::thread> threads;
  for (auto& mine : data) {
    threads.emplace_back([&plan, &mine] {
      for (int i = 0; i < 20; ++i) ASSERT_TRUE(plan->Run(mine->args()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& mine : data) EXPECT_TRUE(mine->out_bytes() == one.out_bytes());
}

INSTANTIATE_TEST_SUITE_P(Isas, DecodePlan, testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace jitattn::runtime
