// The arrays of a run and their layout in memory.

#ifndef JITATTN_OPS_OPERANDS_H_
#define JITATTN_OPS_OPERANDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ops/problem.h"

namespace jitattn::ops {

// Layout of arrays with several heads. kHeads: the rows of one head follow each other. kColumns:
// the heads lie side by side in the columns of one matrix, as in a transformer layer. With one
// head both are the same.
enum class Layout { kHeads, kColumns };
std::string_view Name(Layout layout);  // "heads", "columns"
std::optional<Layout> LayoutFromName(std::string_view name);

// How an array is filled before a measurement.
enum class Fill {
  kNormal,    // an input: normally distributed numbers
  kSlopes,    // an input: the slopes of ALiBi, 2^(−8 (i + 1) / count)
  kBytes,     // an input: bytes of which one in eight is 0, the others 1
  kIntegers,  // an input: int8, four in an element; normally distributed
  kQ8Blocks,  // an input: ggml's blocks of 17 elements of 16 bits; normally distributed
  kScales,    // an input: the factors of integers, which make them normally distributed numbers
  kPages,     // an input: the numbers of pages, int32, in random order
  kOutput,    // not at all: the run writes it
};

// An input, or an output: rows of `cols` numbers, for each of `heads` heads of each of `batch`
// independent parts.
struct Array {
  std::string_view name = {};  // "q", "out"
  int64_t batch = 1, heads = 1, rows = 1, cols = 1;
  std::optional<DType> dtype = {};  // none: the problem's
  Fill fill = Fill::kNormal;

  int64_t count() const { return batch * heads * rows * cols; }
  DType TypeIn(const Problem& problem) const { return dtype.value_or(problem.dtype()); }
};

// Strides of batch, head and row, in elements, for an array without gaps. Products of unchecked
// sizes may wrap around; no plan is made for such a problem.
using Strides = std::array<int64_t, 3>;
Strides DenseStrides(const Array& array, Layout layout);

// The arrays of an operation's run: inputs and further results, and the output last.
struct Arrays {
  static constexpr int kMost = 16;
  std::array<Array, kMost> array;
  int count = 0;

  void Add(const Array& added) { array[count++] = added; }

  const Array& operator[](int i) const { return array[i]; }
  const Array& output() const { return array[count - 1]; }
};

// `layout`, but kHeads if no array of the problem has several heads, since both are the same then.
Layout Effective(Layout layout, const Problem& problem);

// The arguments of a run: the C struct of the problem's operation (jitattn_attention_args).
class Args {
 public:
  template <typename T>
  explicit Args(const T& args) {
    static_assert(sizeof(T) <= sizeof bytes_ && std::is_trivially_copyable_v<T>);
    new (bytes_) T(args);
  }
  // For Plan::Run and Operation::check_args; valid as long as this object.
  const void* get() const { return bytes_; }
  // REQUIRES: constructed from a T.
  template <typename T>
  const T& As() const {
    return *std::launder(reinterpret_cast<const T*>(bytes_));
  }
  template <typename T>
  T& As() {
    return *std::launder(reinterpret_cast<T*>(bytes_));
  }

 private:
  alignas(8) std::byte bytes_[512];
};

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_OPERANDS_H_
