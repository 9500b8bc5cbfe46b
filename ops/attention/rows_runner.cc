// The "rows" kernel over batch, kv heads and keys.

#include "ops/attention/rows_runner.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "jit/attention/rows_kernel.h"
#include "ops/attention/kernel_args.h"

namespace jitattn::ops {
namespace {

// Number of finished tasks of a head.
using Done = std::atomic<int32_t>;

int64_t DoneBytes(int64_t heads) { return AlignedScratch(SizeProduct({heads, sizeof(Done)})); }

// How the keys of a problem are cut into parts, and the memory of the parts.
struct Split {
  Split(const AttentionProblem& problem, const jit::RowsConfig& config)
      : rows(problem.q_len * (problem.heads / problem.kv_heads)),
        keys(int64_t{config.kv_split} * config.kv_block),
        tile_rows(config.tile_rows),
        tile_part_bytes(jit::RowsPartBytes(SpecOf(problem), config, 1)) {}

  int64_t Parts(int64_t kv_len) const {
    if (keys == 0 || kv_len <= keys) return 1;  // a small call saves its divisions
    return (kv_len + keys - 1) / keys;
  }
  int64_t PartBytes(int64_t all_rows) const {
    return SizeProduct({(all_rows + tile_rows - 1) / tile_rows, tile_part_bytes});
  }
  // Shared memory of a run of the whole problem: for each head a counter of finished parts, and the
  // parts.
  int64_t SharedBytes(const AttentionProblem& problem) const {
    const int64_t heads = problem.batch * problem.kv_heads, parts = Parts(problem.kv_len);
    if (parts == 1) return 0;
    return SizeSum({DoneBytes(heads), SizeProduct({heads, parts, PartBytes(rows)})});
  }

  int64_t rows;  // of a kv head
  int64_t keys;  // of a task; 0: all
  int64_t tile_rows, tile_part_bytes;
};

class RowsRunner : public Runner {
 public:
  RowsRunner(const AttentionProblem& problem, const Split& split, Options options)
      : Runner(std::move(options)),
        problem_(problem),
        spec_(SpecOf(problem)),
        group_(problem.heads / problem.kv_heads),
        split_(split) {}

 protected:
  using Run = jitattn_attention_args;

  Work WorkOf(const void* args, int) const override {
    const Run& run = *static_cast<const Run*>(args);
    if (run.batch == 0 || run.q_len == 0) return {};
    return {.amount = DenseFlops(problem_, run), .tasks = Heads(run) * Parts(run)};
  }

  void* ScratchOf(const void* args) const override {
    return static_cast<const Run*>(args)->scratch;
  }

  size_t ScratchBytesOf(const void* args) const override {
    return static_cast<const jitattn_attention_args*>(args)->scratch_bytes;
  }

  bool Shares(const void* args) const override { return Parts(*static_cast<const Run*>(args)) > 1; }

  void Share(const RunState& state) const override {
    const int64_t heads = Heads(*static_cast<const Run*>(state.args));
    Done* done = static_cast<Done*>(state.shared);
    for (int64_t head = 0; head < heads; ++head) new (done + head) Done(0);
  }

  bool takes_early() const override { return true; }

  void RunTask(const RunState& state, int64_t task, int64_t next, void* scratch) const override {
    const Run& run = *static_cast<const Run*>(state.args);
    const int64_t parts = Parts(run), part = parts == 1 ? 0 : task % parts;
    const Task now = TaskOf(run, parts, task);
    const Sequence& sequence = now.sequence;
    const int64_t own_parts = PartsOf(sequence);
    if (part >= own_parts) return;
    if (own_parts == 1) {
      return ForEachPiece(problem_, sequence, 0, sequence.q_len, [&](const Piece& piece) {
        jit::AttentionArgs args = ArgsOf(run, now, piece, piece.keys, scratch);
        SetNext(run, parts, next, state.tasks, args);
        kernel().Run(args);
      });
    }
    const int64_t part_bytes = split_.PartBytes(run.q_len * group_);
    Done* const done = static_cast<Done*>(state.shared) + now.head;
    char* const first =
        static_cast<char*>(state.shared) + DoneBytes(Heads(run)) + now.head * parts * part_bytes;
    ForEachPiece(problem_, sequence, 0, sequence.q_len, [&](const Piece& piece) {
      jit::AttentionArgs args = ArgsOf(run, now, piece, Common(now.keys, piece.keys), scratch);
      SetNext(run, parts, next, state.tasks, args);
      args.parts = jit::AttentionArgs::kPart;
      args.part = first + part * part_bytes;
      kernel().Run(args);
      // Releases this part to, and acquires the other parts from, the other threads.
      if (done->fetch_add(1, std::memory_order_acq_rel) + 1 < own_parts) return;
      args = ArgsOf(run, now, piece, piece.keys, scratch);
      args.parts = own_parts;
      args.part = first;
      args.part_stride = part_bytes;
      kernel().Run(args);
    });
  }

 private:
  struct Task {
    int64_t head;     // a kv head, counted over the batch
    int64_t kv_head;  // the same, counted in its sequence
    Sequence sequence;
    jit::IndexRange keys;
  };

  int64_t Heads(const Run& run) const { return run.batch * problem_.kv_heads; }

  // The number of tasks of a head: the parts of the longest sequence that a run may have.
  int64_t Parts(const Run& run) const { return split_.Parts(run.kv_len); }

  // The number of parts of a sequence's keys, which other sequences do not change. The rows of
  // several pieces do not share the parts of their keys.
  int64_t PartsOf(const Sequence& sequence) const {
    const bool pieces = problem_.chunk > 0 || sequence.prefix > 0;
    return sequence.q_len > 1 && pieces ? 1 : split_.Parts(sequence.kv_end);
  }

  // Parts begin at the same keys in every sequence. A sequence has none behind its last key.
  Task TaskOf(const Run& run, int64_t parts, int64_t task) const {
    const int64_t head = parts == 1 ? task : task / parts;
    const int64_t first = (task - head * parts) * split_.keys;
    const int64_t batch = run.batch == 1 ? 0 : head / problem_.kv_heads;
    return {.head = head,
            .kv_head = head - batch * problem_.kv_heads,
            .sequence = SequenceOf(run, batch),
            .keys = {first, parts == 1 ? run.kv_len : first + split_.keys}};
  }

  // The common part, or no keys.
  static jit::IndexRange Common(const jit::IndexRange& a, const jit::IndexRange& b) {
    const int64_t first = std::max(a.first, b.first);
    return {first, std::max(first, std::min(a.end, b.end))};
  }

  jit::AttentionArgs ArgsOf(const Run& run, const Task& task, const Piece& piece,
                            const jit::IndexRange& keys, void* scratch) const {
    const CallRange range{.head = task.kv_head * group_,
                          .kv_head = task.kv_head,
                          .heads = group_,
                          .first_row = piece.first_row,
                          .rows = piece.rows,
                          .first_key = keys.first,
                          .keys = keys.size(),
                          .band = piece.band};
    return KernelArgs(problem_, spec_, run, task.sequence, range, scratch);
  }

  // With pages these are keys that some row sees, since of other pages the table may say anything.
  // (A bias may hide each of them.)
  void SetNextInPages(const Run& run, const Task& task, jit::AttentionArgs& args) const {
    if (problem_.bias != jit::Bias::kNone || task.sequence.q_len == 0) return;
    if (run.block_table == nullptr) return;
    jit::IndexRange keys = {0, 0};
    ForEachPiece(problem_, task.sequence, 0, 1, [&](const Piece& piece) { keys = piece.Seen(); });
    keys = Common(task.keys, keys);
    const jit::KvArray k = KeysAt(problem_, run, task.sequence, task.kv_head, keys.first);
    args.next_k = k.rows;
    args.next_page_row = k.page_row;
    args.next_block_table = k.block_table;
    args.next_keys = keys.size();
  }

  // The rows of K that this thread reads next. With several pieces their first may lie elsewhere;
  // then a few lines are fetched in vain.
  void SetNext(const Run& run, int64_t parts, int64_t next, int64_t tasks,
               jit::AttentionArgs& args) const {
    if (next >= tasks) return;
    const Task task = TaskOf(run, parts, next);
    if (problem_.paged()) return SetNextInPages(run, task, args);
    const jit::IndexRange keys = Common(task.keys, {task.sequence.kv_begin, task.sequence.kv_end});
    args.next_k =
        static_cast<const char*>(run.k) +
        task.sequence.KeyAt(run.k_strides, task.kv_head, keys.first) * jit::KvElementBytes(spec_);
    args.next_keys = keys.size();
  }

  const AttentionProblem problem_;
  const jit::AttentionSpec spec_;
  const int64_t group_;  // query heads that share a kv head
  const Split split_;
};

}  // namespace

std::unique_ptr<Runner> MakeRowsRunner(const AttentionProblem& problem,
                                       const jit::RowsConfig& config,
                                       std::shared_ptr<const jit::Kernel> kernel, int threads,
                                       double worthwhile_flops) {
  const Split split(problem, config);
  Runner::Options options{
      .kernel = kernel,
      .threads = threads,
      .planned_work = DenseFlops(problem, problem.batch, problem.q_len, problem.kv_len),
      .worthwhile_work = worthwhile_flops,
      .scratch_bytes = kernel->scratch_bytes(problem.kv_len, split.rows),
      .shared_bytes = split.SharedBytes(problem)};
  return std::make_unique<RowsRunner>(problem, split, std::move(options));
}

}  // namespace jitattn::ops
