// A tensor of numbers in memory, laid out as a caller of the C API may lay one out.
#ifndef JITATTN_TESTS_RUNTIME_TENSOR_H_
#define JITATTN_TESTS_RUNTIME_TENSOR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "base/small_float.h"
#include "jitattn/jitattn.h"
#include "tests/guarded_buffer.h"

namespace jitattn::runtime {

// Types of memory.
inline constexpr int32_t kBytes = -1;  // 0 is −∞, every other byte is 0
inline constexpr int32_t kInt8 = -2;
inline constexpr int32_t kQ8Blocks = -3;  // an element is a binary16 scale and 32 int8
inline constexpr int kQ8Bytes = 34;

// Element `at` of numbers in memory.
inline double Element(const void* base, int32_t dtype, int64_t at) {
  const auto load = [&]<typename T>(T value) {
    std::memcpy(&value, static_cast<const char*>(base) + at * static_cast<int64_t>(sizeof(T)),
                sizeof(T));
    return value;
  };
  switch (dtype) {
    case kBytes:
      return load(uint8_t{}) == 0 ? -std::numeric_limits<double>::infinity() : 0;
    case kInt8:
      return load(int8_t{});
    case JITATTN_F64:
      return load(double{});
    case JITATTN_BF16:
      return static_cast<float>(load(BFloat16()));
    case JITATTN_F16:
      return static_cast<float>(load(Float16()));
    default:
      return load(float{});
  }
}

// Integer `col` of a row of Q8 blocks, of which the first is block `at`.
inline double Q8Element(const void* base, int64_t at, int64_t col) {
  const char* const block = static_cast<const char*>(base) + (at + col / 32) * kQ8Bytes;
  const auto integer = static_cast<int8_t>(block[2 + col % 32]);
  return static_cast<double>(integer) * Element(block, JITATTN_F16, 0);
}

// Where the elements of a tensor lie.
struct TensorLayout {
  int order[4] = {3, 2, 1, 0};  // axes from the innermost on: 0 batch, 1 heads, 2 rows, 3 columns
  int64_t step = 1;             // from one element of the innermost axis to the next
  int64_t gap = 0;              // elements behind those of the innermost axis
  bool reversed[4] = {};        // by axis: a negative stride
  GuardedBuffer::Flush flush = GuardedBuffer::kBack;  // the end at an unreadable page

  // Each axis is outermost in some layout. `spread`: the columns may be anywhere, too.
  static TensorLayout Random(std::mt19937_64& random, bool spread = false) {
    TensorLayout layout;
    std::shuffle(layout.order + (spread ? 0 : 1), layout.order + 4, random);
    if (spread) layout.step += static_cast<int64_t>(random() % 3);
    layout.gap = static_cast<int64_t>(random() % 3);
    for (int axis = 0; axis < (spread ? 4 : 3); ++axis) {
      layout.reversed[axis] = random() % 4 == 0;
    }
    if (random() % 2 == 0) layout.flush = GuardedBuffer::kFront;
    return layout;
  }
};

// Rows of numbers between unreadable pages, with strides of any sign and NaN between the rows.
// `spread`: there is NaN, or there are other rows, between the elements of a row, too.
class Tensor {
 public:
  Tensor(int32_t dtype, int64_t batch, int64_t heads, int64_t rows, int64_t cols,
         const TensorLayout& layout = {})
      : dtype_(dtype), count_{batch, heads, rows, cols} {
    int64_t span = layout.step, last = 0;
    for (const int axis : layout.order) {
      const int64_t steps = std::max<int64_t>(count_[axis], 1) - 1;
      stride_[axis] = span;
      last += span * steps;
      span *= steps + 1;
      if (axis == layout.order[0]) span += layout.gap;
      if (!layout.reversed[axis]) continue;
      first_ += stride_[axis] * steps;
      stride_[axis] = -stride_[axis];
    }
    memory_ =
        std::make_unique<GuardedBuffer>(static_cast<size_t>((last + 1) * Size()), layout.flush);
    std::fill_n(memory_->data(), memory_->bytes(), uint8_t{0xff});  // NaN in every type
  }
  Tensor(int32_t dtype, int64_t batch, int64_t heads, int64_t rows, int64_t cols,
         std::mt19937_64& random, bool spread = false)
      : Tensor(dtype, batch, heads, rows, cols, TensorLayout::Random(random, spread)) {}

  void FillNormal(std::mt19937_64& random, double sigma = 1) {
    std::normal_distribution<double> normal(0, sigma);
    ForEach([&](int64_t at) { Set(at, normal(random)); });
  }

  // Products of integers and scales are about as large as normal numbers.
  static constexpr double kIntegersOfOne = 32;
  void PutQ8Block(int64_t b, int64_t h, int64_t r, int64_t block, std::mt19937_64& random) {
    PutQ8Block(At(b, h, r, block), random);
  }
  void FillQ8Blocks(std::mt19937_64& random) {
    ForEach([&](int64_t at) { PutQ8Block(at, random); });
  }

  // Every element is of(its column).
  template <typename F>
  void FillBy(F of) {
    for (int64_t b = 0; b < count_[0]; ++b)
      for (int64_t h = 0; h < count_[1]; ++h)
        for (int64_t r = 0; r < count_[2]; ++r)
          for (int64_t c = 0; c < count_[3]; ++c) Set(At(b, h, r, c), of(c));
  }

  double Get(int64_t b, int64_t h, int64_t r, int64_t c) const { return Load(At(b, h, r, c)); }
  // Column c of a row of Q8 blocks.
  double GetQ8(int64_t b, int64_t h, int64_t r, int64_t c) const {
    return Q8Element(memory_->data(), At(b, h, r, 0), c);
  }
  void Put(int64_t b, int64_t h, int64_t r, int64_t c, double value) { Set(At(b, h, r, c), value); }
  void* data() { return memory_->data() + first_ * Size(); }
  void CopyStrides(int64_t (&to)[3]) const { std::copy_n(stride_, 3, to); }
  int64_t cols() const { return count_[3]; }
  int64_t inner() const { return stride_[3]; }  // between the elements of a row

  // Whether everything that is no element is as before.
  bool GapsUntouched() const {
    if (!memory_->SlackUntouched()) return false;
    std::vector<char> element(memory_->bytes() / Size());
    const_cast<Tensor*>(this)->ForEach([&](int64_t at) { element[at] = 1; });
    for (size_t at = 0; at < element.size(); ++at) {
      if (!element[at] && !std::isnan(Load(static_cast<int64_t>(at)))) return false;
    }
    return true;
  }

 private:
  static constexpr double kInf = std::numeric_limits<double>::infinity();

  static int8_t Int8(double x) {
    return static_cast<int8_t>(std::lrint(std::clamp(x, -128.0, 127.0)));
  }
  int Size() const {
    if (dtype_ == kBytes || dtype_ == kInt8) return 1;
    if (dtype_ == kQ8Blocks) return kQ8Bytes;
    return dtype_ == JITATTN_F64 ? 8 : dtype_ == JITATTN_F32 ? 4 : 2;
  }
  int64_t At(int64_t b, int64_t h, int64_t r, int64_t c) const {
    return first_ + b * stride_[0] + h * stride_[1] + r * stride_[2] + c * stride_[3];
  }

  template <typename F>
  void ForEach(F f) {
    for (int64_t b = 0; b < count_[0]; ++b)
      for (int64_t h = 0; h < count_[1]; ++h)
        for (int64_t r = 0; r < count_[2]; ++r)
          for (int64_t c = 0; c < count_[3]; ++c) f(At(b, h, r, c));
  }

  double Load(int64_t at) const { return Element(memory_->data(), dtype_, at); }

  template <typename T>
  void SetAs(int64_t at, T value) {
    std::memcpy(memory_->data() + at * static_cast<int64_t>(sizeof(T)), &value, sizeof value);
  }
  void Set(int64_t at, double value) {
    switch (dtype_) {
      case kBytes:
        return SetAs(at, static_cast<uint8_t>(value == -kInf ? 0 : 1 + at % 255));
      case kInt8:
        return SetAs(at, Int8(value));
      case JITATTN_F64:
        return SetAs(at, value);
      case JITATTN_BF16:
        return SetAs(at, BFloat16(static_cast<float>(value)));
      case JITATTN_F16:
        return SetAs(at, Float16(static_cast<float>(value)));
      default:
        return SetAs(at, static_cast<float>(value));
    }
  }
  void PutQ8Block(int64_t at, std::mt19937_64& random) {
    std::normal_distribution<double> normal(0, kIntegersOfOne);
    uint8_t* const block = memory_->data() + at * kQ8Bytes;
    const Float16 scale = static_cast<float>((32 + random() % 32) / (64 * kIntegersOfOne));
    std::memcpy(block, &scale, sizeof scale);
    for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<uint8_t>(Int8(normal(random)));
  }

  int32_t dtype_;
  int64_t count_[4], stride_[4], first_ = 0;
  std::unique_ptr<GuardedBuffer> memory_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_TENSOR_H_
