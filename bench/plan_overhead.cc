// What a call costs beside its kernel: the smallest problems, through the kernel itself, a plan and
// the one-shot call.
//
//   build-bench/bench/plan_overhead --benchmark_enable_random_interleaving=true
//       --benchmark_repetitions=20
// Compare minima. The aim: a plan's call adds under 100 ns to its kernel.

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "benchmark/benchmark.h"
#include "jitattn/jitattn.hpp"
#include "runtime/code_cache.h"
#include "runtime/heuristic.h"

namespace {

using jitattn::jit::AttentionProblem;

constexpr int kDim = 16, kLength = 1;

struct Operands {
  std::vector<float> q = std::vector<float>(kDim * kLength, 1), k = q, v = q, out = q;
  jitattn_attention_problem problem = jitattn::Problem<float>({.q_len = kLength, .head_dim = kDim});
  jitattn_attention_args args =
      jitattn::Args<float>(problem, q.data(), k.data(), v.data(), out.data());
};

jitattn::PlanOptions OneThread() {
  jitattn::PlanOptions options;
  options.threads = 1;
  options.ignore_cache = 1;
  return options;
}

double Minimum(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }

void BM_Kernel(benchmark::State& state) {
  Operands o;
  const AttentionProblem problem{
      .q_len = kLength, .kv_len = kLength, .head_dim = kDim, .value_dim = kDim};
  const auto compiled = jitattn::runtime::GetKernel(
      jitattn::jit::SpecOf(problem),
      jitattn::runtime::DefaultConfig(problem, jitattn::jit::HostCpu(), 1),
      jitattn::jit::HostCpu());
  if (!compiled.ok()) return state.SkipWithError("no kernel");
  const jitattn::jit::Kernel& kernel = *compiled->kernel;
  void* scratch = std::aligned_alloc(64, (kernel.scratch_bytes(kLength, kLength) + 63) / 64 * 64);
  const auto spec = std::get<jitattn::jit::AttentionSpec>(kernel.spec());
  for (auto _ : state) {
    kernel.Run(jitattn::jit::AttentionArgs{.spec = &spec,
                                           .q = o.q.data(),
                                           .k = o.k.data(),
                                           .v = o.v.data(),
                                           .out = o.out.data(),
                                           .q_stride = kDim * 4,
                                           .k_stride = kDim * 4,
                                           .v_stride = kDim * 4,
                                           .out_stride = kDim * 4,
                                           .q_rows = kLength,
                                           .kv_len = kLength,
                                           .causal_offset = 0,
                                           .scale = 0.25,
                                           .scratch = scratch});
  }
  std::free(scratch);
}
BENCHMARK(BM_Kernel)->ComputeStatistics("min", Minimum);

void BM_Plan(benchmark::State& state) {
  Operands o;
  const auto plan =
      jitattn::AttentionPlan<float>::Make({.q_len = kLength, .head_dim = kDim}, OneThread());
  if (!plan.ok()) return state.SkipWithError(plan.error().message().c_str());
  for (auto _ : state) jitattn_attention_run(plan->get(), &o.args);
}
BENCHMARK(BM_Plan)->ComputeStatistics("min", Minimum);

void BM_OneShot(benchmark::State& state) {
  Operands o;
  for (auto _ : state) jitattn_attention(&o.problem, &o.args);
}
BENCHMARK(BM_OneShot)->ComputeStatistics("min", Minimum);

}  // namespace

BENCHMARK_MAIN();
