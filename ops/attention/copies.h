// Copies of operands whose rows have gaps between their elements.

#ifndef JITATTN_OPS_ATTENTION_COPIES_H_
#define JITATTN_OPS_ATTENTION_COPIES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// Whether the elements of a row adjoin. 0 stands for 1.
inline bool AreAdjoining(int64_t inner) { return inner == 0 || inner == 1; }
inline bool HasAdjoiningElements(const jitattn_attention_args& run) {
  return AreAdjoining(run.q_inner) && AreAdjoining(run.k_inner) && AreAdjoining(run.v_inner) &&
         AreAdjoining(run.out_inner);
}

// Contiguous copies of the operands of a run that kernels cannot read or write in place.
//   Of q, k and v only rows are copied that the run reads: those of queries that exist, and of keys
//   that the mask leaves to one of them. Of out, rows of queries that exist are copied back.
class OperandCopies {
 public:
  // `problem` and `run` must outlive the object.
  OperandCopies(const AttentionProblem& problem, const jitattn_attention_args& run, int threads);
  ~OperandCopies();
  OperandCopies(const OperandCopies&) = delete;
  OperandCopies& operator=(const OperandCopies&) = delete;

  // Copies the inputs. ResourceExhausted if there is no memory for the copies.
  absl::Status Gather();
  // The run on the copies. REQUIRES: Gather() was OK.
  const jitattn_attention_args& args() const { return copied_; }
  // Copies the output back.
  void Scatter() const;

 private:
  struct Operand;
  struct Job;
  // Notes an operand that is to be copied; `base` and `strides` are those of copied_.
  template <typename Pointer>
  void Add(Pointer& base, int64_t (&strides)[3], int64_t& inner, bool of_keys, int64_t cols);
  // The rows of a sequence that are copied.
  jit::IndexRange Rows(const Operand& operand, int64_t batch) const;
  void CopyHead(const Operand& operand, int64_t batch, int64_t head) const;
  // Copies all inputs, or all outputs.
  void Copy(bool outputs) const;
  static void Work(int worker, void* context);

  const AttentionProblem& problem_;
  const jitattn_attention_args& run_;
  const int threads_;
  jitattn_attention_args copied_;
  std::vector<Operand> operands_;
  void* memory_ = nullptr;
};

// Runs `runner` on checked arguments: first the appends, then the kernels, by copies of operands
// where needed.
absl::Status RunAttention(const Problem& problem, const Runner& runner, const void* args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_COPIES_H_
