// Rows of units of any size in memory between unreadable pages, with strides of any sign.
#ifndef JITATTN_TESTS_RUNTIME_GUARDED_ROWS_H_
#define JITATTN_TESTS_RUNTIME_GUARDED_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "tests/faults/guarded.h"

namespace jitattn::runtime {

// An array that ends, or begins, at an unreadable page.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t bytes, bool at_end = true)
      : arena_(std::max<size_t>(bytes, 64)),
        data_(at_end ? arena_.AtEnd(bytes) : arena_.AtBegin()),
        bytes_(bytes) {}

  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  template <typename T>
  T* As() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  faults::Arena arena_;
  uint8_t* data_;
  size_t bytes_;
};

// Of [part][head][row], each row of `units` units, which are contiguous.
class GuardedRows {
 public:
  GuardedRows(int unit_bytes, int64_t parts, int64_t heads, int64_t rows, int64_t units,
              std::mt19937_64& random)
      : unit_bytes_(unit_bytes),
        row_bytes_(units * unit_bytes),
        stride_{Strides(parts, heads, rows, units, random)},
        bytes_(static_cast<size_t>(span_) * unit_bytes, random() % 2 != 0),
        before_(bytes_.bytes()),
        written_(bytes_.bytes(), 0) {
    for (uint8_t& byte : before_) byte = 0xff;  // NaN in every type
    std::memcpy(bytes_.data(), before_.data(), before_.size());
  }

  void* data() const { return bytes_.data() + first_ * unit_bytes_; }
  void CopyStrides(int64_t (&to)[3]) const { std::copy_n(stride_.of, 3, to); }
  uint8_t* Row(int64_t part, int64_t head, int64_t row) const {
    return bytes_.data() +
           (first_ + part * stride_.of[0] + head * stride_.of[1] + row * stride_.of[2]) *
               unit_bytes_;
  }

  // Marks a row as one that may have been written.
  void Mark(int64_t part, int64_t head, int64_t row) {
    std::fill_n(&written_[Row(part, head, row) - bytes_.data()], row_bytes_, 1);
  }
  // Whether everything that is not marked is as it was.
  bool OthersUntouched() const {
    for (size_t i = 0; i < before_.size(); ++i) {
      if (!written_[i] && bytes_.data()[i] != before_[i]) return false;
    }
    return true;
  }

 private:
  struct Of {
    int64_t of[3];
  };
  Of Strides(int64_t parts, int64_t heads, int64_t rows, int64_t units, std::mt19937_64& random) {
    const int64_t count[] = {parts, heads, rows};
    Of strides;
    int order[] = {0, 1, 2};  // each axis is outermost in some layout
    std::shuffle(order, order + 3, random);
    const int64_t gap = static_cast<int64_t>(random() % 3);
    span_ = units + gap;
    for (const int axis : order) {
      strides.of[axis] = span_;
      span_ *= std::max<int64_t>(count[axis], 1);
      if (random() % 4 != 0) continue;
      first_ += strides.of[axis] * std::max<int64_t>(count[axis] - 1, 0);
      strides.of[axis] = -strides.of[axis];
    }
    span_ -= gap;  // the last row ends at the last byte
    return strides;
  }

  int unit_bytes_;
  int64_t row_bytes_;
  int64_t span_ = 0, first_ = 0;
  Of stride_;
  GuardedBytes bytes_;
  std::vector<uint8_t> before_;
  std::vector<char> written_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_GUARDED_ROWS_H_
