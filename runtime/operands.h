// The data that a problem is measured on: normally distributed; hot, or cold by rotating through
// more memory than the caches hold.

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

// Fills input `index` of a run with `count` numbers of `dtype`: Rng::NearlyNormal(), rounded. The
// numbers depend on the seed alone, not on the number of threads, and are the same in every type
// except for rounding.
void FillInput(DType dtype, void* out, int64_t count, uint64_t seed, int index);

// Bytes that this process can still allocate: those free on the machine, or in its control group if
// fewer.
int64_t AvailableMemoryBytes();

using ops::Layout;

class Operands {
 public:
  // Allocates and fills the operands. ResourceExhausted, with both sizes, if they do not fit into
  // the available memory.
  static absl::StatusOr<std::unique_ptr<Operands>> Create(const ops::Problem& problem,
                                                          const ops::Conditions& conditions,
                                                          uint64_t seed);
  ~Operands();

  // Copies of the operands; 1 if the buffers are hot.
  int64_t sets() const { return sets_; }

  int64_t memory_bytes() const { return static_cast<int64_t>(memory_bytes_); }  // of all sets

  // Runs the plan on one set.
  absl::Status Run(const Plan& plan, int64_t set) const;

  // The arguments of a run on one set: the C struct of the problem's operation.
  ops::Args Args(int64_t set) const;

  // The number of arrays of a set, inputs first and the output last, and the bytes of one of them.
  int operands() const { return arrays_.count; }
  std::span<char> Bytes(int64_t set, int operand) const {
    return {Operand(set, operand), static_cast<size_t>(bytes_[operand])};
  }

  // Marks every element of set 0's output, and the memory around it, with a NaN that arithmetic
  // never produces.
  void Poison();
  // Checks the result of the last run on set 0: every element of the output was written, nothing
  // outside of it, and the values agree with the reference, which the first call computes.
  ops::Verdict Check();

  // The greatest difference of set 0's output to the result in long double for the same data before
  // rounding to this type. This includes the rounding of the operands. No bound judges it. Internal
  // if memory does not suffice.
  absl::StatusOr<double> ErrorToOriginal();

  // Set 0's arrays, inputs first and the output last, and the number of elements of each.
  int arrays() const { return arrays_.count; }
  void* array(int index) const { return Operand(0, index); }
  int64_t count(int index) const { return bytes_[index] / dtype_bytes(index); }

 private:
  Operands() = default;
  char* Operand(int64_t set, int index) const { return memory_ + set * set_bytes_ + at_[index]; }
  int output() const { return arrays_.count - 1; }
  int dtype_bytes(int index) const { return SizeOf(arrays_[index].type(problem_)); }

  ops::Problem problem_;
  int64_t sets_ = 1, set_bytes_ = 0;
  ops::Arrays arrays_;
  int64_t at_[ops::Arrays::kMost] = {};     // where each array of a set begins
  int64_t bytes_[ops::Arrays::kMost] = {};  // and its length
  char* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  std::unique_ptr<ops::Checker> checker_;
  Layout layout_ = Layout::kHeads;
  uint64_t seed_ = 1;
  std::unique_ptr<Operands> original_;  // the same data in float64, made on demand
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_OPERANDS_H_
