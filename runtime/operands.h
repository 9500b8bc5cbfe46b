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
#include "cache/record.h"
#include "jit/problem.h"
#include "jit/small_float.h"
#include "jitattn/jitattn.h"
#include "runtime/plan.h"
#include "runtime/reference.h"

namespace jitattn::runtime {

// `count` numbers of mean 0 and variance 1, the same for the same seed whatever the threads.
void FillNormal(float* out, int64_t count, uint64_t seed);
void FillNormal(double* out, int64_t count, uint64_t seed);
void FillNormal(jit::BFloat16* out, int64_t count, uint64_t seed);
void FillNormal(jit::Float16* out, int64_t count, uint64_t seed);
// The same for memory that holds `dtype`.
void FillNormal(jit::DType dtype, void* out, int64_t count, uint64_t seed);

// Bytes that this process could still take: of the machine, or of its control group if that has
// less left.
int64_t AvailableMemoryBytes();

// How attention's operands lie: each head's rows one after the other, or the heads side by side in
// the columns of one matrix, as a layer of a transformer has them. With one head they are the same.
enum class Layout { kHeads, kColumns };
std::string_view Name(Layout layout);  // "heads", "columns"
// kHeads where the problem has one head, or none.
Layout Effective(Layout layout, const jit::Problem& problem);

class Operands {
 public:
  // ResourceExhausted, with both sizes, where the problem does not fit the memory that is left.
  static absl::StatusOr<std::unique_ptr<Operands>> Create(const jit::Problem& problem,
                                                          cache::Buffers buffers, uint64_t seed,
                                                          Layout layout = Layout::kHeads);
  ~Operands();

  // Copies of the operands; 1 if the buffers are hot.
  int64_t sets() const { return sets_; }

  int64_t memory_bytes() const { return static_cast<int64_t>(memory_bytes_); }  // of all sets

  // Runs the plan on one of them.
  absl::Status Run(const Plan& plan, int64_t set) const;

  // What a run on one of them is given; the problem's operation says which.
  jitattn_attention_args AttentionArgs(int64_t set) const;
  jitattn_sigmoid_mul_args SigmoidMulArgs(int64_t set) const;

  // Operand i of a set, contiguous: q, k, v or x, then the output.
  int operands() const { return inputs_ + 1; }
  std::span<char> Bytes(int64_t set, int operand) const {
    return {Operand(set, operand), static_cast<size_t>(bytes_[operand])};
  }

  // Marks every element of set 0's output, and the memory around it, with a NaN that arithmetic
  // never produces.
  void Poison();
  // What the last run wrote to set 0: whether every element was written and nothing beside them,
  // and whether the reference agrees. The reference is computed by the first call.
  Verdict Check();

  // The greatest difference of set 0's output to the truth in long double for the same data before
  // it was rounded to this type: what the type costs, its own rounding of the operands included.
  // Only the error, which no bound judges. Internal where memory does not suffice.
  absl::StatusOr<double> ErrorToOriginal();

  // Set 0's arrays, inputs first, the output last, and how many numbers each holds.
  int arrays() const { return inputs_ + 1; }
  void* array(int index) const { return Operand(0, index); }
  int64_t count(int index) const { return bytes_[index] / dtype_bytes(); }

 private:
  Operands() = default;
  char* Operand(int64_t set, int index) const { return memory_ + set * set_bytes_ + at_[index]; }
  int dtype_bytes() const {
    return std::visit([](const auto& p) { return jit::SizeOf(p.dtype); }, problem_);
  }

  jit::Problem problem_;
  int64_t sets_ = 1, set_bytes_ = 0;
  int inputs_ = 0;         // q, k, v or x; the output comes after them
  int64_t at_[4] = {};     // where each operand of a set begins
  int64_t bytes_[4] = {};  // and how long it is
  char* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  jitattn_attention_args attention_ = {};  // of set 0
  jitattn_sigmoid_mul_args sigmoid_mul_ = {};
  std::unique_ptr<Reference> reference_;
  Layout layout_ = Layout::kHeads;
  uint64_t seed_ = 1;
  std::unique_ptr<Operands> original_;  // in float64, made when it is asked for
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_OPERANDS_H_
