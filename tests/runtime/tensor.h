// A tensor of numbers in memory, laid out as a caller of the C API may lay one out.
#ifndef JITATTN_TESTS_RUNTIME_TENSOR_H_
#define JITATTN_TESTS_RUNTIME_TENSOR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/small_float.h"
#include "jitattn/jitattn.h"

namespace jitattn::runtime {

inline constexpr int32_t kBytes = -1;  // a type of memory: 0 is −∞, every other byte is 0

// Rows of numbers in memory with strides of any sign and NaN between the rows.
class Tensor {
 public:
  Tensor(int32_t dtype, int64_t batch, int64_t heads, int64_t rows, int64_t cols,
         std::mt19937_64& random)
      : dtype_(dtype), count_{batch, heads, rows}, cols_(cols) {
    // Each axis is outermost in some layout.
    int order[] = {0, 1, 2};
    std::shuffle(order, order + 3, random);
    int64_t span = cols + static_cast<int64_t>(random() % 3);
    for (const int axis : order) {
      stride_[axis] = span;
      span *= std::max<int64_t>(count_[axis], 1);
      if (random() % 4 != 0) continue;
      first_ += stride_[axis] * std::max<int64_t>(count_[axis] - 1, 0);
      stride_[axis] = -stride_[axis];
    }
    bytes_.assign(static_cast<size_t>(span) * Size(), '\xff');  // NaN in every type
  }

  void FillNormal(std::mt19937_64& random, double sigma = 1) {
    std::normal_distribution<double> normal(0, sigma);
    ForEach([&](int64_t at) { Set(at, normal(random)); });
  }

  // Every element is of(its column).
  template <typename F>
  void FillBy(F of) {
    for (int64_t b = 0; b < count_[0]; ++b)
      for (int64_t h = 0; h < count_[1]; ++h)
        for (int64_t r = 0; r < count_[2]; ++r)
          for (int64_t c = 0; c < cols_; ++c) Set(At(b, h, r) + c, of(c));
  }

  double Get(int64_t b, int64_t h, int64_t r, int64_t c) const { return Load(At(b, h, r) + c); }
  void* data() { return bytes_.data() + first_ * Size(); }
  void CopyStrides(int64_t (&to)[3]) const { std::copy_n(stride_, 3, to); }

  // Whether everything that is no element is NaN as before.
  bool GapsUntouched() const {
    std::vector<char> element(bytes_.size() / Size());
    const_cast<Tensor*>(this)->ForEach([&](int64_t at) { element[at] = 1; });
    for (size_t at = 0; at < element.size(); ++at) {
      if (!element[at] && !std::isnan(Load(static_cast<int64_t>(at)))) return false;
    }
    return true;
  }

 private:
  static constexpr double kInf = std::numeric_limits<double>::infinity();

  int Size() const {
    return dtype_ == kBytes ? 1 : dtype_ == JITATTN_F64 ? 8 : dtype_ == JITATTN_F32 ? 4 : 2;
  }
  int64_t At(int64_t b, int64_t h, int64_t r) const {
    return first_ + b * stride_[0] + h * stride_[1] + r * stride_[2];
  }

  template <typename F>
  void ForEach(F f) {
    for (int64_t b = 0; b < count_[0]; ++b)
      for (int64_t h = 0; h < count_[1]; ++h)
        for (int64_t r = 0; r < count_[2]; ++r)
          for (int64_t c = 0; c < cols_; ++c) f(At(b, h, r) + c);
  }

  template <typename T>
  T LoadAs(int64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at * static_cast<int64_t>(sizeof(T)), sizeof value);
    return value;
  }
  double Load(int64_t at) const {
    switch (dtype_) {
      case kBytes:
        return LoadAs<uint8_t>(at) == 0 ? -kInf : 0;
      case JITATTN_F64:
        return LoadAs<double>(at);
      case JITATTN_BF16:
        return static_cast<float>(LoadAs<BFloat16>(at));
      case JITATTN_F16:
        return static_cast<float>(LoadAs<Float16>(at));
      default:
        return LoadAs<float>(at);
    }
  }

  template <typename T>
  void SetAs(int64_t at, T value) {
    std::memcpy(bytes_.data() + at * static_cast<int64_t>(sizeof(T)), &value, sizeof value);
  }
  void Set(int64_t at, double value) {
    switch (dtype_) {
      case kBytes:
        return SetAs(at, static_cast<uint8_t>(value == -kInf ? 0 : 1 + at % 255));
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

  int32_t dtype_;
  int64_t count_[3], cols_, stride_[3], first_ = 0;
  std::vector<char> bytes_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_TENSOR_H_
