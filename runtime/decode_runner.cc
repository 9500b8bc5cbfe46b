// The attention kernel whose lanes are columns, on several threads.

#include "runtime/decode_runner.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>

#include "jit/compile.h"
#include "runtime/kernel_args.h"
#include "runtime/parallel.h"

namespace jitattn::runtime {
namespace {

// Tasks of a head that are done.
using Done = std::atomic<int32_t>;

int64_t DoneBytes(int64_t heads) { return AlignedScratch(jit::SizeProduct({heads, sizeof(Done)})); }

}  // namespace

DecodeRunner::DecodeRunner(const jit::AttentionProblem& problem, const jit::AttentionConfig& config,
                           std::shared_ptr<const jit::Kernel> kernel, int threads,
                           double worthwhile_flops)
    : problem_(problem),
      spec_(std::get<jit::AttentionSpec>(kernel->spec())),
      kernel_(std::move(kernel)),
      threads_(threads),
      group_(problem.heads / problem.kv_heads),
      split_(int64_t{config.kv_split} * config.kv_block),
      tile_rows_(config.q_vecs),
      tile_part_bytes_(jit::PartBytes(spec_, config, 1)),
      planned_flops_(DenseFlops(problem, problem.batch, problem.q_len, problem.kv_len)),
      worthwhile_flops_(worthwhile_flops),
      scratch_stride_(
          AlignedScratch(kernel_->scratch_bytes(problem.kv_len, problem.q_len * group_))),
      shared_bytes_([&]() -> int64_t {
        const int64_t heads = problem.batch * problem.kv_heads, parts = Parts(problem.kv_len);
        if (parts == 1) return 0;
        const int64_t tiles = (problem.q_len * group_ + tile_rows_ - 1) / tile_rows_;
        return jit::SizeSum(
            {DoneBytes(heads), jit::SizeProduct({heads, parts, tiles, tile_part_bytes_})});
      }()) {}

absl::Status DecodeRunner::Init() {
  const int slots = ScratchPool::SlotsFor(threads_);
  if (absl::Status s = scratch_.Init(scratch_stride_, slots); !s.ok()) return s;
  return shared_.Init(shared_bytes_, slots);
}

int64_t DecodeRunner::Parts(int64_t kv_len) const {
  return split_ == 0 ? 1 : std::max<int64_t>(1, (kv_len + split_ - 1) / split_);
}

struct DecodeRunner::Shared {
  const DecodeRunner* runner;
  const jitattn_attention_args* args;
  int64_t parts, tasks;  // of a head; of all
  int64_t part_bytes = 0;
  Done* done = nullptr;  // by head over all batches
  char* part = nullptr;  // by head and part
  std::atomic<int64_t> next{0};
};

void DecodeRunner::Run(const jitattn_attention_args& args) const {
  if (args.batch == 0 || args.q_len == 0) return;
  const int64_t heads = args.batch * problem_.kv_heads;
  Shared shared{.runner = this, .args = &args, .parts = Parts(args.kv_len)};
  shared.tasks = heads * shared.parts;
  std::optional<ScratchPool::Lease> lease;
  if (shared.parts > 1) {
    char* memory = static_cast<char*>(args.scratch != nullptr ? static_cast<char*>(args.scratch) +
                                                                    scratch_stride_ * threads_
                                                              : lease.emplace(shared_).memory());
    shared.done = reinterpret_cast<Done*>(memory);
    for (int64_t head = 0; head < heads; ++head) new (shared.done + head) Done(0);
    shared.part = memory + DoneBytes(heads);
    const int64_t rows = args.q_len * group_;
    shared.part_bytes = (rows + tile_rows_ - 1) / tile_rows_ * tile_part_bytes_;
  }
  const double flops = DenseFlops(problem_, args.batch, args.q_len, args.kv_len);
  const int threads = ThreadsFor(flops, planned_flops_, worthwhile_flops_,
                                 static_cast<int>(std::min<int64_t>(threads_, shared.tasks)));
  if (threads == 1) return Work(0, &shared);
  ParallelFor(threads, Work, &shared);
}

// A thread takes its next task before it runs one, so that the kernel fetches where the next begins
// while it ends. Not the last ones: whoever is free first takes those.
void DecodeRunner::Work(int worker, void* data) {
  Shared& shared = *static_cast<Shared*>(data);
  const DecodeRunner& runner = *shared.runner;
  std::optional<ScratchPool::Lease> lease;
  void* given = shared.args->scratch;
  void* scratch = given != nullptr ? static_cast<char*>(given) + worker * runner.scratch_stride_
                                   : lease.emplace(runner.scratch_).memory();
  const auto take = [&] { return shared.next.fetch_add(1, std::memory_order_relaxed); };
  const int64_t last = shared.tasks - 2 * runner.threads_;
  for (int64_t task = take(); task < shared.tasks;) {
    const bool early = task < last;
    const int64_t next = early ? take() : shared.tasks;
    runner.RunTask(shared, task, next, scratch);
    task = early ? next : take();
  }
}

DecodeRunner::Keys DecodeRunner::KeysOf(const Shared& shared, int64_t task) const {
  const int64_t kv_len = shared.args->kv_len;
  if (shared.parts == 1) return {task, 0, kv_len};
  const int64_t first = task % shared.parts * split_;
  return {task / shared.parts, first, std::min(split_, kv_len - first)};
}

void DecodeRunner::RunTask(Shared& shared, int64_t task, int64_t next, void* scratch) const {
  const Keys keys = KeysOf(shared, task);
  jit::AttentionArgs args = ArgsOf(shared, keys, scratch);
  if (next < shared.tasks) {
    const Keys after = KeysOf(shared, next);
    args.next_k = ArgsOf(shared, after, nullptr).k;
    args.next_keys = after.count;
  }
  if (shared.parts == 1) return kernel_->Run(args);
  char* const parts = shared.part + keys.head * shared.parts * shared.part_bytes;
  args.parts = jit::AttentionArgs::kPart;
  args.part = parts + task % shared.parts * shared.part_bytes;
  kernel_->Run(args);
  // Releases this part, acquires the others.
  if (shared.done[keys.head].fetch_add(1, std::memory_order_acq_rel) + 1 < shared.parts) return;
  args = ArgsOf(shared, {keys.head, 0, shared.args->kv_len}, scratch);
  args.parts = shared.parts;
  args.part = parts;
  args.part_stride = shared.part_bytes;
  kernel_->Run(args);
}

jit::AttentionArgs DecodeRunner::ArgsOf(const Shared& shared, const Keys& keys,
                                        void* scratch) const {
  const int64_t kv_head = keys.head % problem_.kv_heads;
  const CallRange range{.batch = keys.head / problem_.kv_heads,
                        .head = kv_head * group_,
                        .kv_head = kv_head,
                        .heads = group_,
                        .rows = shared.args->q_len,
                        .first_key = keys.first,
                        .keys = keys.count};
  return KernelArgs(spec_, *shared.args, range, scratch);
}

}  // namespace jitattn::runtime
