// One attention kernel over batch, heads and queries, on several threads.

#include "runtime/attention_runner.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "runtime/kernel_args.h"
#include "runtime/parallel.h"

namespace jitattn::runtime {

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
      scratch_stride_(AlignedScratch(kernel_->scratch_bytes(problem.kv_len, problem.q_len))) {}

absl::Status AttentionRunner::Init() {
  return scratch_.Init(scratch_stride_, ScratchPool::SlotsFor(threads_));
}

struct AttentionRunner::Shared {
  const AttentionRunner* runner;
  const jitattn_attention_args* args;
  int64_t heads, tiles, tasks;  // heads: over all batches
  std::atomic<int64_t> next{0};
};

void AttentionRunner::Run(const jitattn_attention_args& args) const {
  if (args.batch == 0 || args.q_len == 0) return;
  Shared shared{.runner = this, .args = &args};
  shared.heads = args.batch * problem_.heads;
  shared.tiles = (args.q_len + task_rows_ - 1) / task_rows_;
  shared.tasks = shared.heads * shared.tiles;
  const double flops = DenseFlops(problem_, args.batch, args.q_len, args.kv_len);
  const int threads = ThreadsFor(flops, planned_flops_, worthwhile_flops_,
                                 static_cast<int>(std::min<int64_t>(threads_, shared.tasks)));
  if (threads == 1) {
    RunOnThisThread(args);
  } else {
    ParallelFor(threads, Work, &shared);
  }
}

void AttentionRunner::RunOnThisThread(const jitattn_attention_args& args) const {
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

void AttentionRunner::RunRows(const jitattn_attention_args& args, int64_t first_row, int64_t rows,
                              int64_t batch, int64_t head, void* scratch) const {
  const CallRange range{.batch = batch,
                        .head = head,
                        .kv_head = head / group_,
                        .first_row = first_row,
                        .rows = rows,
                        .keys = args.kv_len};
  kernel_->Run(KernelArgs(spec_, args, range, scratch));
}

}  // namespace jitattn::runtime
