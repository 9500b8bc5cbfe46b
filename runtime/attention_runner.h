// One attention kernel over batch, heads and queries, on several threads.

#ifndef JITATTN_RUNTIME_ATTENTION_RUNNER_H_
#define JITATTN_RUNTIME_ATTENTION_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "jit/kernel.h"
#include "jit/problem.h"
#include "jit/sizes.h"
#include "jitattn/jitattn.h"
#include "runtime/scratch.h"

namespace jitattn::runtime {

// A task is `task_tiles` query tiles of one head. Threads take tasks from a counter, costly ones
// first, so that none is left with a long task at the end. What a task computes depends on nothing
// but its place: the bits of the result are the same for any number of threads.
class AttentionRunner {
 public:
  AttentionRunner(const jit::AttentionProblem& problem, const jit::AttentionConfig& config,
                  std::shared_ptr<const jit::Kernel> kernel, int threads, double worthwhile_flops);
  absl::Status Init();  // ResourceExhausted: no memory for scratch

  // REQUIRES: CheckArgs(problem, args) is OK, and this thread is under the default floating-point
  // environment.
  void Run(const jitattn_attention_args& args) const;

  int64_t scratch_bytes() const { return jit::SizeProduct({scratch_stride_, threads_}); }

 private:
  struct Shared;
  void RunRows(const jitattn_attention_args& args, int64_t first_row, int64_t rows, int64_t batch,
               int64_t head, void* scratch) const;
  void RunOnThisThread(const jitattn_attention_args& args) const;
  static void Work(int worker, void* shared);

  const jit::AttentionProblem problem_;
  const jit::AttentionSpec spec_;
  const std::shared_ptr<const jit::Kernel> kernel_;
  const int threads_;
  const int64_t group_;  // query heads that share a kv head
  const int64_t task_rows_;
  const double planned_flops_, worthwhile_flops_;
  const int64_t scratch_stride_;
  mutable ScratchPool scratch_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ATTENTION_RUNNER_H_
