// The attention kernel whose lanes are columns, on several threads.

#include "runtime/decode_runner.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>

#include "jit/compile.h"
#include "jit/cpu.h"
#include "runtime/parallel.h"

namespace jitattn::runtime {
namespace {

// Tasks of a head that are done.
using Done = std::atomic<int32_t>;

int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

int64_t DoneBytes(int64_t heads) { return RoundUp(heads * sizeof(Done), kScratchAlignment); }

const char* At(const void* base, int64_t bytes) { return static_cast<const char*>(base) + bytes; }

// As many as can compute at once; eight at least cost nothing, since pages are not touched before
// they are used.
int SlotCount(int threads) { return std::max({threads, jit::HostCpu().logical_cpus, 8}); }

double DenseFlops(const jit::AttentionProblem& p, double batch, double q_len, double kv_len) {
  return 2.0 * batch * p.heads * q_len * kv_len * (p.head_dim + p.value_dim);
}

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
      worthwhile_flops_(worthwhile_flops),
      scratch_stride_(RoundUp(kernel_->scratch_bytes(problem.kv_len, problem.q_len * group_),
                              kScratchAlignment)),
      shared_bytes_([&]() -> size_t {
        const int64_t heads = problem.batch * problem.kv_heads, parts = Parts(problem.kv_len);
        if (parts == 1) return 0;
        const int64_t tiles = (problem.q_len * group_ + tile_rows_ - 1) / tile_rows_;
        return DoneBytes(heads) + heads * parts * tiles * tile_part_bytes_;
      }()) {}

absl::Status DecodeRunner::Init() {
  if (absl::Status s = scratch_.Init(scratch_stride_, SlotCount(threads_)); !s.ok()) return s;
  return shared_.Init(shared_bytes_, SlotCount(threads_));
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

// A run of about the planned size takes the planned threads: they were measured. A much smaller one
// takes no more than its work pays for.
int DecodeRunner::ThreadsFor(const jitattn_attention_args& args, int64_t tasks) const {
  int64_t threads = std::min<int64_t>(threads_, tasks);
  const double flops = DenseFlops(problem_, args.batch, args.q_len, args.kv_len);
  const double planned = DenseFlops(problem_, problem_.batch, problem_.q_len, problem_.kv_len);
  if (threads > 1 && flops < planned / 2) {
    threads = std::min<int64_t>(threads, std::max(1.0, flops / worthwhile_flops_));
  }
  return static_cast<int>(threads);
}

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
  ParallelFor(ThreadsFor(args, shared.tasks), Work, &shared);
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

// Strides are in elements in `args` and in bytes in the kernel's.
jit::AttentionArgs DecodeRunner::ArgsOf(const Shared& shared, const Keys& keys,
                                        void* scratch) const {
  const jitattn_attention_args& args = *shared.args;
  const int64_t bytes = SizeOf(spec_.dtype);
  const int64_t batch = keys.head / problem_.kv_heads, kv_head = keys.head % problem_.kv_heads;
  const auto offset = [&](const int64_t(&strides)[3], int64_t h, int64_t row) {
    return (batch * strides[0] + h * strides[1] + row * strides[2]) * bytes;
  };
  return {
      .spec = &spec_,
      .q = At(args.q, offset(args.q_strides, kv_head * group_, 0)),
      .k = At(args.k, offset(args.k_strides, kv_head, keys.first)),
      .v = At(args.v, offset(args.v_strides, kv_head, keys.first)),
      .out = const_cast<char*>(At(args.out, offset(args.out_strides, kv_head * group_, 0))),
      .q_stride = args.q_strides[2] * bytes,
      .k_stride = args.k_strides[2] * bytes,
      .v_stride = args.v_strides[2] * bytes,
      .out_stride = args.out_strides[2] * bytes,
      .q_rows = args.q_len,
      .kv_len = keys.count,
      // Beyond these a larger offset changes nothing; within them no sum overflows.
      .causal_offset = std::clamp(args.causal_offset, -args.q_len, args.kv_len) - keys.first,
      .scale = args.scale,
      .scratch = scratch,
      .group = group_,
      .q_head_stride = args.q_strides[1] * bytes,
      .out_head_stride = args.out_strides[1] * bytes,
  };
}

}  // namespace jitattn::runtime
