// One kernel over a whole problem, on several threads.

#include "ops/runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parallel/parallel.h"

namespace jitattn::ops {

Runner::Runner(Options options)
    : options_(std::move(options)),
      scratch_stride_(AlignedScratch(options_.scratch_bytes)),
      shared_bytes_(AlignedScratch(options_.shared_bytes)) {}

absl::Status Runner::Init() {
  const int slots = ScratchPool::SlotsFor(options_.threads);
  if (absl::Status s = scratch_.Init(scratch_stride_, slots); !s.ok()) return s;
  return shared_.Init(shared_bytes_, slots);
}

int64_t Runner::scratch_bytes() const {
  return SizeSum({SizeProduct({scratch_stride_, options_.threads}), shared_bytes_});
}

absl::Status Runner::CheckScratch(const void* args) const {
  if (ScratchOf(args) == nullptr) return absl::OkStatus();
  const size_t bytes = ScratchBytesOf(args), needed = static_cast<size_t>(scratch_bytes());
  if (bytes == 0 || bytes >= needed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("scratch_bytes ", bytes, ": this plan needs ", needed));
}

struct Runner::Threads {
  const Runner* runner;
  RunState run;
  char* scratch;  // the caller's, or null
  std::atomic<int64_t> next{0};
};

void Runner::Run(const void* args) const {
  Work work = WorkOf(args, options_.threads);
  if (work.tasks == 0) return;
  const int most = static_cast<int>(std::min<int64_t>(options_.threads, work.tasks));
  const int threads =
      ThreadsFor(work.amount, options_.planned_work, options_.worthwhile_work, most);
  if (threads < options_.threads) work = WorkOf(args, threads);
  Threads all{.runner = this,
              .run = {.args = args, .tasks = work.tasks, .threads = threads, .shared = nullptr},
              .scratch = static_cast<char*>(ScratchOf(args))};
  std::optional<ScratchPool::Lease> lease;
  if (Shares(args)) {
    all.run.shared = all.scratch != nullptr ? all.scratch + scratch_stride_ * options_.threads
                                            : lease.emplace(shared_).memory();
    Share(all.run);
  }
  threads == 1 ? RunThread(0, &all) : ParallelFor(threads, RunThread, &all);
}

void Runner::RunThread(int worker, void* threads) {
  Threads& all = *static_cast<Threads*>(threads);
  const Runner& runner = *all.runner;
  std::optional<ScratchPool::Lease> lease;
  void* scratch = nullptr;
  if (runner.scratch_stride_ > 0) {
    scratch = all.scratch != nullptr ? all.scratch + worker * runner.scratch_stride_
                                     : lease.emplace(runner.scratch_).memory();
  }
  const int64_t tasks = all.run.tasks;
  if (all.run.threads == 1) {  // nobody else takes tasks
    for (int64_t task = 0; task < tasks; ++task) runner.RunTask(all.run, task, task + 1, scratch);
    return;
  }
  const auto take = [&] { return all.next.fetch_add(1, std::memory_order_relaxed); };
  // The last tasks are not taken early: the first thread that is free takes them.
  const int64_t last_early = runner.takes_early() ? tasks - 2 * runner.options_.threads : 0;
  for (int64_t task = take(); task < tasks;) {
    const bool early = task < last_early;
    const int64_t next = early ? take() : tasks;
    runner.RunTask(all.run, task, next, scratch);
    task = early ? next : take();
  }
}

}  // namespace jitattn::ops
