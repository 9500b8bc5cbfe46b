// One attention kernel over batch, heads and queries, on several threads.

#include "runtime/attention_runner.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "jit/cpu.h"
#include "runtime/fp_environment.h"
#include "runtime/parallel.h"

namespace jitattn::runtime {
namespace {

size_t RoundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

const char* At(const void* base, int64_t bytes) { return static_cast<const char*>(base) + bytes; }

// More slots than threads of one run, since several runs may be under way; as many as can compute
// at once is enough, since a slot is held only while computing. Eight at least cost nothing: pages
// are not touched before they are used.
int SlotCount(int threads) { return std::max({threads, jit::HostCpu().logical_cpus, 8}); }

// All pairs: what a causal mask leaves out is left out of the plan's own work too.
double DenseFlops(const jit::AttentionProblem& p, double batch, double q_len, double kv_len) {
  return 2.0 * batch * p.heads * q_len * kv_len * (p.head_dim + p.value_dim);
}

}  // namespace

AttentionRunner::AttentionRunner(const jit::AttentionProblem& problem,
                                 const jit::AttentionConfig& config,
                                 std::shared_ptr<const jit::Kernel> kernel, int threads,
                                 double worthwhile_flops)
    : problem_(problem),
      spec_(std::get<jit::AttentionSpec>(kernel->spec())),
      kernel_(std::move(kernel)),
      threads_(threads),
      group_(problem.heads / problem.kv_heads),
      task_rows_(int64_t{config.task_tiles} * config.q_vecs *
                 jit::Lanes(config.isa, problem.dtype)),
      planned_flops_(DenseFlops(problem, problem.batch, problem.q_len, problem.kv_len)),
      worthwhile_flops_(worthwhile_flops),
      scratch_stride_(
          RoundUp(kernel_->scratch_bytes(problem.kv_len, problem.q_len), kScratchAlignment)) {}

absl::Status AttentionRunner::Init() { return scratch_.Init(scratch_stride_, SlotCount(threads_)); }

struct AttentionRunner::Shared {
  const AttentionRunner* runner;
  const jitattn_attention_args* args;
  int64_t heads, tiles, tasks;  // heads: over all batches
  std::atomic<int64_t> next{0};
};

// A run of about the planned size takes the planned threads: they were measured. A much smaller one
// takes no more than its work pays for.
int AttentionRunner::ThreadsFor(const jitattn_attention_args& args, int64_t tasks) const {
  int64_t threads = std::min<int64_t>(threads_, tasks);
  if (threads > 1) {
    const double flops = DenseFlops(problem_, args.batch, args.q_len, args.kv_len);
    if (flops < planned_flops_ / 2) {
      threads = std::min<int64_t>(threads, std::max(1.0, flops / worthwhile_flops_));
    }
  }
  return static_cast<int>(threads);
}

void AttentionRunner::Run(const jitattn_attention_args& args) const {
  if (args.batch == 0 || args.q_len == 0) return;
  Shared shared{.runner = this, .args = &args};
  shared.heads = args.batch * problem_.heads;
  shared.tiles = (args.q_len + task_rows_ - 1) / task_rows_;
  shared.tasks = shared.heads * shared.tiles;
  const int threads = ThreadsFor(args, shared.tasks);
  if (threads == 1) {
    RunOnThisThread(args);
  } else {
    ParallelFor(threads, Work, &shared);
  }
}

void AttentionRunner::RunOnThisThread(const jitattn_attention_args& args) const {
  DefaultFpEnvironment environment;
  std::optional<ScratchPool::Lease> lease;
  void* scratch = args.scratch != nullptr ? args.scratch : lease.emplace(scratch_).memory();
  for (int64_t batch = 0; batch < args.batch; ++batch) {
    for (int64_t head = 0; head < problem_.heads; ++head) {
      RunRows(args, 0, args.q_len, batch, head, scratch);
    }
  }
}

void AttentionRunner::Work(int worker, void* data) {
  Shared& shared = *static_cast<Shared*>(data);
  const AttentionRunner& runner = *shared.runner;
  const jitattn_attention_args& args = *shared.args;
  const bool causal = runner.spec_.mask == jit::Mask::kCausal;
  std::optional<ScratchPool::Lease> lease;
  void* scratch = args.scratch != nullptr
                      ? static_cast<char*>(args.scratch) + worker * runner.scratch_stride_
                      : lease.emplace(runner.scratch_).memory();
  for (;;) {
    const int64_t task = shared.next.fetch_add(1, std::memory_order_relaxed);
    if (task >= shared.tasks) return;
    // Under a causal mask late tiles cost most, so they come first, over all heads. Without one all
    // cost the same, and neighbours in time share the keys and values of a head.
    const int64_t head = causal ? task % shared.heads : task / shared.tiles;
    const int64_t tile = causal ? shared.tiles - 1 - task / shared.heads : task % shared.tiles;
    const int64_t first_row = tile * runner.task_rows_;
    const int64_t rows = std::min(runner.task_rows_, args.q_len - first_row);
    runner.RunRows(args, first_row, rows, head / runner.problem_.heads,
                   head % runner.problem_.heads, scratch);
  }
}

// Strides are in elements in `args` and in bytes in the kernel's.
void AttentionRunner::RunRows(const jitattn_attention_args& args, int64_t first_row, int64_t rows,
                              int64_t batch, int64_t head, void* scratch) const {
  const int64_t bytes = SizeOf(spec_.dtype);
  const int64_t kv_head = head / group_;
  const auto offset = [&](const int64_t(&strides)[3], int64_t h, int64_t row) {
    return (batch * strides[0] + h * strides[1] + row * strides[2]) * bytes;
  };
  kernel_->Run(jit::AttentionArgs{
      .spec = &spec_,
      .q = At(args.q, offset(args.q_strides, head, first_row)),
      .k = At(args.k, offset(args.k_strides, kv_head, 0)),
      .v = At(args.v, offset(args.v_strides, kv_head, 0)),
      .out = const_cast<char*>(At(args.out, offset(args.out_strides, head, first_row))),
      .q_stride = args.q_strides[2] * bytes,
      .k_stride = args.k_strides[2] * bytes,
      .v_stride = args.v_strides[2] * bytes,
      .out_stride = args.out_strides[2] * bytes,
      .q_rows = rows,
      .kv_len = args.kv_len,
      // Beyond these a larger offset changes nothing; within them no sum in a kernel overflows.
      .causal_offset = std::clamp(args.causal_offset, -args.q_len, args.kv_len) + first_row,
      .scale = args.scale,
      .scratch = scratch,
  });
}

}  // namespace jitattn::runtime
