// Kernels are shared by all that ask for the same code.

#include "runtime/code_cache.h"

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/jit/described_cpus.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using jit::SigmoidMulConfig;
using ops::SigmoidMulProblem;

// Kernels are made here and not run, so that their CPU need not be at hand.
const Cpu kCpu = jit::testing::FullCpu(Isa::kAvx512);

SigmoidMulConfig Config(int vecs = 1) {
  return {.isa = kCpu.isa, .vecs = vecs, .table = jit::PowerTable::kNone};
}

class CodeCache : public testing::Test {
 protected:
  void SetUp() override {
    if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  }
};

TEST_F(CodeCache, TheSameCodeIsEmittedOnce) {
  const auto first = GetKernel(SigmoidMulProblem{}, Config(), kCpu);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(first->emit_seconds, 0);
  SigmoidMulConfig more_threads = Config();
  more_threads.threads = 7;
  const auto second = GetKernel(SigmoidMulProblem{}, more_threads, kCpu);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->kernel, second->kernel);
  EXPECT_EQ(second->emit_seconds, 0);
}

TEST_F(CodeCache, OtherCodeIsAnotherKernel) {
  const auto one = GetKernel(SigmoidMulProblem{}, Config(1), kCpu);
  const auto f64 = GetKernel(SigmoidMulProblem{.dtype = DType::kF64}, Config(1), kCpu);
  ASSERT_TRUE(one.ok() && f64.ok());
  EXPECT_NE(one->kernel, f64->kernel);
  const auto two = GetKernel(SigmoidMulProblem{}, Config(2), kCpu);
  ASSERT_TRUE(two.ok());
  EXPECT_NE(one->kernel, two->kernel);
  EXPECT_NE(one->kernel->name(), two->kernel->name());
}

TEST_F(CodeCache, KernelsLiveAsLongAsTheyAreHeld) {
  std::weak_ptr<const jit::Kernel> watch;
  {
    const auto compiled = GetKernel(SigmoidMulProblem{}, Config(3), kCpu);
    ASSERT_TRUE(compiled.ok());
    watch = compiled->kernel;
  }
  EXPECT_TRUE(watch.expired());
  const auto again = GetKernel(SigmoidMulProblem{}, Config(3), kCpu);
  ASSERT_TRUE(again.ok());
  EXPECT_GT(again->emit_seconds, 0);
}

TEST_F(CodeCache, AnInvalidConfigurationIsRefusedByItsRule) {
  SigmoidMulConfig config = Config();
  config.threads = 0;
  const auto compiled = GetKernel(SigmoidMulProblem{}, config, kCpu);
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(compiled.status().message(), Mentions({"threads", "0"}));
}

TEST_F(CodeCache, ThreadsThatEmitAtOnceGetOneKernel) {
  std::vector<std::shared_ptr<const jit::Kernel>> kernels(8);
  std::vector<std::thread> threads;
  for (auto& kernel : kernels) {
    threads.emplace_back([&kernel] {
      const auto compiled = GetKernel(SigmoidMulProblem{}, Config(4), kCpu);
      EXPECT_TRUE(compiled.ok()) << compiled.status();
      if (compiled.ok()) kernel = compiled->kernel;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& kernel : kernels) {
    ASSERT_NE(kernel, nullptr);
    EXPECT_EQ(kernel, kernels[0]);
  }
}

}  // namespace
}  // namespace jitattn::runtime
