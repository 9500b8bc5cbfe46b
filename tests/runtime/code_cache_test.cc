// Kernels are shared by all that ask for the same code.

#include "runtime/code_cache.h"

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/heuristic.h"

namespace jitattn::runtime {
namespace {

using jit::SigmoidMulConfig;
using jit::SigmoidMulSpec;

// Of sigmoid-mul, whose ladder begins the same on every CPU: portable without emitted code.
SigmoidMulConfig Config(int vecs = 1) {
  SigmoidMulConfig config =
      std::get<SigmoidMulConfig>(DefaultConfig(jit::SigmoidMulProblem{}, jit::HostCpu(), 1));
  if (config.isa != jit::Isa::kPortable) config.vecs = vecs;
  config.table = 0;  // the one value that is valid for every type
  return config;
}

TEST(CodeCache, TheSameCodeIsEmittedOnce) {
  const auto first = GetKernel(SigmoidMulSpec{}, Config(), jit::HostCpu());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(first->emit_seconds, 0);
  SigmoidMulConfig more_threads = Config();
  more_threads.threads = 7;
  const auto second = GetKernel(SigmoidMulSpec{}, more_threads, jit::HostCpu());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->kernel, second->kernel);
  EXPECT_EQ(second->emit_seconds, 0);
}

TEST(CodeCache, OtherCodeIsAnotherKernel) {
  const auto one = GetKernel(SigmoidMulSpec{}, Config(1), jit::HostCpu());
  const auto f64 = GetKernel(SigmoidMulSpec{jit::DType::kF64}, Config(1), jit::HostCpu());
  ASSERT_TRUE(one.ok() && f64.ok());
  EXPECT_NE(one->kernel, f64->kernel);
  if (jit::HostCpu().isa == jit::Isa::kPortable) return;  // one kernel for all configurations
  const auto two = GetKernel(SigmoidMulSpec{}, Config(2), jit::HostCpu());
  ASSERT_TRUE(two.ok());
  EXPECT_NE(one->kernel, two->kernel);
  EXPECT_NE(one->kernel->name(), two->kernel->name());
}

TEST(CodeCache, KernelsLiveAsLongAsTheyAreHeld) {
  std::weak_ptr<const jit::Kernel> watch;
  {
    const auto compiled = GetKernel(SigmoidMulSpec{}, Config(3), jit::HostCpu());
    ASSERT_TRUE(compiled.ok());
    watch = compiled->kernel;
  }
  EXPECT_TRUE(watch.expired());
  const auto again = GetKernel(SigmoidMulSpec{}, Config(3), jit::HostCpu());
  ASSERT_TRUE(again.ok());
  EXPECT_GT(again->emit_seconds, 0);
}

TEST(CodeCache, AnInvalidConfigurationIsRefusedByItsRule) {
  SigmoidMulConfig config = Config();
  config.threads = 0;
  const auto compiled = GetKernel(SigmoidMulSpec{}, config, jit::HostCpu());
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(compiled.status().message().find("threads 0"), absl::string_view::npos)
      << compiled.status();
}

TEST(CodeCache, ThreadsThatEmitAtOnceGetOneKernel) {
  std::vector<std::shared_ptr<const jit::Kernel>> kernels(8);
  std::vector<std::thread> threads;
  for (auto& kernel : kernels) {
    threads.emplace_back([&kernel] {
      const auto compiled = GetKernel(SigmoidMulSpec{}, Config(4), jit::HostCpu());
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
