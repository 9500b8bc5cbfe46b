// One kernel over a whole problem, on several threads.

#ifndef JITATTN_OPS_RUNNER_H_
#define JITATTN_OPS_RUNNER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "jit/kernel.h"
#include "parallel/scratch.h"

namespace jitattn::ops {

// Cuts a run into tasks, which the threads take from a shared counter. The result of a task depends
// only on its position in the problem, so the bits of the output are the same for any number of
// threads. A run takes no lock and allocates nothing.
class Runner {
 public:
  struct Options {
    std::shared_ptr<const jit::Kernel> kernel;
    int threads = 1;
    double planned_work = 0;     // work of a run of the whole problem, in any unit
    double worthwhile_work = 0;  // least work for which waking a thread pays, in the same unit
    // Scratch memory of each thread, and memory that the tasks of a run share.
    int64_t scratch_bytes = 0, shared_bytes = 0;
  };

  explicit Runner(Options options);
  virtual ~Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  absl::Status Init();  // ResourceExhausted if there is no memory for scratch

  // Runs the kernel. `args` is the C struct of the operation. REQUIRES: the operation's check_args
  // is OK, and the calling thread has the default floating-point environment.
  void Run(const void* args) const;

  // The scratch that a caller must bring for a run: for all threads, and the shared memory.
  int64_t scratch_bytes() const;
  // The most threads of a run.
  int threads() const { return options_.threads; }
  // The scratch of one thread.
  int64_t thread_scratch_bytes() const { return options_.scratch_bytes; }
  // InvalidArgument if `args` bring scratch and state a size below scratch_bytes().
  absl::Status CheckScratch(const void* args) const;

 protected:
  struct Work {
    double amount = 0;  // in the unit of Options::planned_work
    int64_t tasks = 0;
  };

  // A run in progress.
  struct RunState {
    const void* args;
    int64_t tasks;
    int threads;
    void* shared;  // shared_bytes of memory; null if the tasks share none
  };

  // The work of a run on at most `threads` threads. No tasks: there is nothing to do.
  virtual Work WorkOf(const void* args, int threads) const = 0;
  // The scratch that the caller brings. Null: the runner uses its own.
  virtual void* ScratchOf(const void*) const { return nullptr; }
  // The size of the caller's scratch. 0: the caller does not state it.
  virtual size_t ScratchBytesOf(const void*) const { return 0; }
  // Whether the tasks of this run share memory. If so, Share() initialises it before they start.
  virtual bool Shares(const void*) const { return false; }
  virtual void Share(const RunState&) const {}
  // Runs one task. `next`: the task that this thread will run afterwards; run.tasks if unknown.
  virtual void RunTask(const RunState& run, int64_t task, int64_t next, void* scratch) const = 0;
  // Whether a thread takes its next task before it runs the current one, so that the kernel can
  // prefetch the start of the next task at the end of this one.
  virtual bool takes_early() const { return false; }

  const jit::Kernel& kernel() const { return *options_.kernel; }

 private:
  struct Threads;
  static void RunThread(int worker, void* threads);

  const Options options_;
  const int64_t scratch_stride_, shared_bytes_;
  mutable ScratchPool scratch_, shared_;
};

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_RUNNER_H_
