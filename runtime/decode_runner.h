// The attention kernel whose lanes are columns over batch, kv heads and keys, on several threads.

#ifndef JITATTN_RUNTIME_DECODE_RUNNER_H_
#define JITATTN_RUNTIME_DECODE_RUNNER_H_

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

// A task is kv_split blocks of the keys of one kv head, against every query row that shares it. Of
// a head that is more than one task, each leaves its part (maximum, sum and weighted sum of V) in
// memory of the run, and the thread that finishes the last of them merges all in their order. Where
// the keys are cut depends on their number and the configuration alone: the bits of the result are
// the same for any number of threads.
class DecodeRunner {
 public:
  // REQUIRES: config.lanes is kColumns.
  DecodeRunner(const jit::AttentionProblem& problem, const jit::AttentionConfig& config,
               std::shared_ptr<const jit::Kernel> kernel, int threads, double worthwhile_flops);
  absl::Status Init();  // ResourceExhausted: no memory for scratch

  // REQUIRES: CheckArgs(problem, args) is OK, and this thread is under the default floating-point
  // environment.
  void Run(const jitattn_attention_args& args) const;

  int64_t scratch_bytes() const {
    return jit::SizeSum({jit::SizeProduct({scratch_stride_, threads_}), shared_bytes_});
  }

 private:
  struct Shared;
  struct Keys {  // of a task
    int64_t head, first, count;
  };
  int64_t Parts(int64_t kv_len) const;
  void RunTask(Shared& shared, int64_t task, int64_t next, void* scratch) const;
  Keys KeysOf(const Shared& shared, int64_t task) const;
  jit::AttentionArgs ArgsOf(const Shared& shared, const Keys& keys, void* scratch) const;
  static void Work(int worker, void* shared);

  const jit::AttentionProblem problem_;
  const jit::AttentionSpec spec_;
  const std::shared_ptr<const jit::Kernel> kernel_;
  const int threads_;
  const int64_t group_;  // query heads that share a kv head
  const int64_t split_;  // keys of a task; 0: all
  const int64_t tile_rows_, tile_part_bytes_;
  const double planned_flops_, worthwhile_flops_;
  const int64_t scratch_stride_;
  const int64_t shared_bytes_;  // of a run: parts, and how many of each head are done
  mutable ScratchPool scratch_, shared_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_DECODE_RUNNER_H_
