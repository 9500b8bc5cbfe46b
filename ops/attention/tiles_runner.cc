// The "tiles" and portable kernels over batch, heads and queries.

#include "ops/attention/tiles_runner.h"

#include <algorithm>
#include <utility>

#include "ops/attention/kernel_args.h"

namespace jitattn::ops {
namespace {

class TilesRunner : public Runner {
 public:
  TilesRunner(const AttentionProblem& problem, int64_t task_rows, Options options)
      : Runner(std::move(options)),
        problem_(problem),
        spec_(SpecOf(problem)),
        group_(problem.heads / problem.kv_heads),
        task_rows_(task_rows) {}

 protected:
  Work WorkOf(const void* args, int threads) const override {
    const auto& run = *static_cast<const jitattn_attention_args*>(args);
    if (run.batch == 0 || run.q_len == 0) return {};
    return {.amount = DenseFlops(problem_, run),
            .tasks = run.batch * problem_.heads * Tiles(run, threads)};
  }

  void* ScratchOf(const void* args) const override {
    return static_cast<const jitattn_attention_args*>(args)->scratch;
  }

  size_t ScratchBytesOf(const void* args) const override {
    return static_cast<const jitattn_attention_args*>(args)->scratch_bytes;
  }

  void RunTask(const RunState& state, int64_t task, int64_t, void* scratch) const override {
    const auto& run = *static_cast<const jitattn_attention_args*>(state.args);
    const int64_t tiles = Tiles(run, state.threads), heads = state.tasks / tiles;
    // Under a causal mask the last tiles of each head cost most. They come first, so that no thread
    // has a long task at the end. Without a mask all tiles cost the same, and consecutive tasks
    // share the keys and values of a head.
    const bool causal = spec_.mask == jit::Mask::kCausal && problem_.chunk == 0;
    const int64_t all_head = causal ? task % heads : task / tiles;
    const int64_t tile = causal ? tiles - 1 - task / heads : task % tiles;
    const Sequence sequence = SequenceOf(run, all_head / problem_.heads);
    const int64_t head = all_head % problem_.heads, first_row = tile * task_rows_;
    if (first_row >= sequence.q_len) return;
    const int64_t left = sequence.q_len - first_row;
    ForEachPiece(problem_, sequence, first_row, tiles == 1 ? left : std::min(task_rows_, left),
                 [&](const Piece& piece) {
                   const CallRange range{.head = head,
                                         .kv_head = head / group_,
                                         .first_row = piece.first_row,
                                         .rows = piece.rows,
                                         .first_key = piece.keys.first,
                                         .keys = piece.keys.size(),
                                         .band = piece.band};
                   kernel().Run(KernelArgs(problem_, spec_, run, sequence, range, scratch));
                 });
  }

 private:
  // Number of tasks of a head. Where pieces begin depends on the tasks, and the bits of a row on
  // the other rows of its tile; so sequences of several pieces are cut for one thread, too.
  int64_t Tiles(const jitattn_attention_args& run, int threads) const {
    if (threads == 1 && !MayHavePieces(problem_, run)) return 1;
    return (run.q_len + task_rows_ - 1) / task_rows_;
  }

  const AttentionProblem problem_;
  const jit::AttentionSpec spec_;
  const int64_t group_;  // query heads that share a kv head
  const int64_t task_rows_;
};

}  // namespace

std::unique_ptr<Runner> MakeTilesRunner(const AttentionProblem& problem, int64_t task_rows,
                                        std::shared_ptr<const jit::Kernel> kernel, int threads,
                                        double worthwhile_flops) {
  Runner::Options options{
      .kernel = kernel,
      .threads = threads,
      .planned_work = DenseFlops(problem, problem.batch, problem.q_len, problem.kv_len),
      .worthwhile_work = worthwhile_flops,
      .scratch_bytes = kernel->scratch_bytes(problem.kv_len, problem.q_len)};
  return std::make_unique<TilesRunner>(problem, task_rows, std::move(options));
}

}  // namespace jitattn::ops
