// Overhead of a call besides its kernel: the smallest problems, by the kernel alone, a plan and the
// one-shot call.
//
//   build-bench/bench/plan_overhead --benchmark_enable_random_interleaving=true
//       --benchmark_repetitions=20
// Compare minima. The aim: a call of a plan adds less than 100 ns to its kernel.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "jitattn/jitattn.h"
#include "lab/measuring/kernel_calls.h"
#include "ops/attention/problem.h"
#include "runtime/plan.h"

namespace {

constexpr int kDim = 16;
constexpr int64_t kOneRow = 1, kTile = 64;  // algorithms "rows" and "tiles"

// The operands of `rows` queries and one key.
struct Operands {
  explicit Operands(int64_t rows) : q(rows * kDim, 1), kv(kDim, 1), out(q) {
    jitattn_attention_problem_init(&problem, 1, rows, kDim);
    problem.kv_len = 1;
    jitattn_attention_args_init(&args, &problem);
    args.q = q.data();
    args.k = args.v = kv.data();
    args.out = out.data();
  }
  std::vector<float> q, kv, out;
  jitattn_attention_problem problem;
  jitattn_attention_args args;
};

jitattn_plan_options OneThread() {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = 1;
  options.ignore_cache = 1;
  return options;
}

double Minimum(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }

void BM_Kernel(benchmark::State& state) {
  Operands o(state.range(0));
  const jitattn::ops::AttentionProblem problem{
      .q_len = o.args.q_len, .kv_len = 1, .head_dim = kDim, .value_dim = kDim};
  const auto plan =
      jitattn::runtime::Plan::Create(problem, jitattn::HostCpu(), {.use_cache = false});
  if (!plan.ok()) return state.SkipWithError("no plan");
  const auto calls = jitattn::lab::KernelCalls::Of(*plan, &o.args);
  state.SetLabel((*plan)->kernel().name());
  for (auto _ : state) calls->Run();
}
BENCHMARK(BM_Kernel)->Arg(kOneRow)->Arg(kTile)->ComputeStatistics("min", Minimum);

void BM_Plan(benchmark::State& state) {
  Operands o(state.range(0));
  jitattn_plan* plan = nullptr;
  const jitattn_plan_options options = OneThread();
  if (jitattn_attention_plan(&o.problem, &options, &plan) != JITATTN_OK) {
    return state.SkipWithError(jitattn_last_error());
  }
  for (auto _ : state) jitattn_attention_run(plan, &o.args);
  jitattn_plan_free(plan);
}
BENCHMARK(BM_Plan)->Arg(kOneRow)->Arg(kTile)->ComputeStatistics("min", Minimum);

void BM_OneShot(benchmark::State& state) {
  Operands o(state.range(0));
  for (auto _ : state) jitattn_attention(&o.problem, &o.args);
}
BENCHMARK(BM_OneShot)->Arg(kOneRow)->Arg(kTile)->ComputeStatistics("min", Minimum);

}  // namespace

BENCHMARK_MAIN();
