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

// Cuts a run into tasks, which threads take from a counter. What a task computes depends on nothing
// but its place: the bits of the result are the same for any number of threads. A run takes no lock
// and allocates nothing.
class Runner {
 public:
  struct Options {
    std::shared_ptr<const jit::Kernel> kernel;
    int threads = 1;
    double planned_work = 0;     // of a run of the whole problem, in any unit
    double worthwhile_work = 0;  // that a thread must be given for waking it to pay
    // Of a thread while it computes, and of the run for what its tasks share.
    int64_t scratch_bytes = 0, shared_bytes = 0;
  };

  explicit Runner(Options options);
  virtual ~Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  absl::Status Init();  // ResourceExhausted: no memory for scratch

  // `args` is the C struct of the operation. REQUIRES: the operation's check_args is OK, and this
  // thread is under the default floating-point environment.
  void Run(const void* args) const;

  // Of a run that brings its own scratch: all its threads' and what they share.
  int64_t scratch_bytes() const;
  // Of one thread while it computes.
  int64_t thread_scratch_bytes() const { return options_.scratch_bytes; }
  // InvalidArgument where args bring scratch and say that it is less than that.
  absl::Status CheckScratch(const void* args) const;

 protected:
  struct Work {
    double amount = 0;  // as Options::planned_work
    int64_t tasks = 0;
  };

  // A run that is under way.
  struct RunState {
    const void* args;
    int64_t tasks;
    int threads;
    void* shared;  // shared_bytes, or null where the work needs none
  };

  // What a run comes to on `threads` threads or fewer; no tasks: nothing.
  virtual Work WorkOf(const void* args, int threads) const = 0;
  // Scratch that the caller brings; null: the runner's own.
  virtual void* ScratchOf(const void*) const { return nullptr; }
  // How much that is; 0: the caller does not say.
  virtual size_t ScratchBytesOf(const void*) const { return 0; }
  // Whether the tasks of this run share memory; then `Share` sets it up.
  virtual bool Shares(const void*) const { return false; }
  virtual void Share(const RunState&) const {}
  // `next`: the task that this thread will take after this one; run.tasks where that is not known.
  virtual void RunTask(const RunState& run, int64_t task, int64_t next, void* scratch) const = 0;
  // Whether a thread takes its next task before it runs one, so that the kernel can fetch where the
  // next begins while it ends.
  virtual bool takes_early() const { return false; }

  const jit::Kernel& kernel() const { return *options_.kernel; }
  int threads() const { return options_.threads; }

 private:
  struct Threads;
  static void RunThread(int worker, void* threads);

  const Options options_;
  const int64_t scratch_stride_, shared_bytes_;
  mutable ScratchPool scratch_, shared_;
};

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_RUNNER_H_
