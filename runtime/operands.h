// What a problem is measured on: normal data, hot or rotating through more memory than the caches.

#ifndef JITATTN_RUNTIME_OPERANDS_H_
#define JITATTN_RUNTIME_OPERANDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "base/small_float.h"
#include "jitattn/jitattn.h"
#include "ops/conditions.h"
#include "ops/operation.h"
#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// Fills input `index` of a run with `count` numbers of `dtype`, Rng::NearlyNormal() rounded: the
// same for the same seed, whatever the threads, and the same but for their rounding in every type.
void FillInput(DType dtype, void* out, int64_t count, uint64_t seed, int index);

// Bytes that this process could still take: of the machine, or of its control group if that has
// less left.
int64_t AvailableMemoryBytes();

using ops::Layout;

class Operands {
 public:
  // ResourceExhausted, with both sizes, where the problem does not fit the memory that is left.
  static absl::StatusOr<std::unique_ptr<Operands>> Create(const ops::Problem& problem,
                                                          const ops::Conditions& conditions,
                                                          uint64_t seed);
  ~Operands();

  // Copies of the operands; 1 if the buffers are hot.
  int64_t sets() const { return sets_; }

  int64_t memory_bytes() const { return static_cast<int64_t>(memory_bytes_); }  // of all sets

  // Runs the plan on one of them.
  absl::Status Run(const Plan& plan, int64_t set) const;

  // What a run on one of them is given: the C struct of the problem's operation.
  ops::Args Args(int64_t set) const;

  // Array i of a set, contiguous: inputs, then the output.
  int operands() const { return arrays_.count; }
  std::span<char> Bytes(int64_t set, int operand) const {
    return {Operand(set, operand), static_cast<size_t>(bytes_[operand])};
  }

  // Marks every element of set 0's output, and the memory around it, with a NaN that arithmetic
  // never produces.
  void Poison();
  // What the last run wrote to set 0: whether every element was written and nothing beside them,
  // and whether the reference agrees. The reference is computed by the first call.
  ops::Verdict Check();

  // The greatest difference of set 0's output to the truth in long double for the same data before
  // it was rounded to this type: what the type costs, its own rounding of the operands included.
  // Only the error, which no bound judges. Internal where memory does not suffice.
  absl::StatusOr<double> ErrorToOriginal();

  // Set 0's arrays, inputs first, the output last, and how many numbers each holds.
  int arrays() const { return arrays_.count; }
  void* array(int index) const { return Operand(0, index); }
  int64_t count(int index) const { return bytes_[index] / dtype_bytes(); }

 private:
  Operands() = default;
  char* Operand(int64_t set, int index) const { return memory_ + set * set_bytes_ + at_[index]; }
  int output() const { return arrays_.count - 1; }
  int dtype_bytes() const { return SizeOf(problem_.dtype()); }

  ops::Problem problem_;
  int64_t sets_ = 1, set_bytes_ = 0;
  ops::Arrays arrays_;
  int64_t at_[ops::Arrays::kMost] = {};     // where each array of a set begins
  int64_t bytes_[ops::Arrays::kMost] = {};  // and how long it is
  char* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  std::unique_ptr<ops::Checker> checker_;
  Layout layout_ = Layout::kHeads;
  uint64_t seed_ = 1;
  std::unique_ptr<Operands> original_;  // in float64, made when it is asked for
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_OPERANDS_H_
