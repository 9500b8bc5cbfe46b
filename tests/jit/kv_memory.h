// Keys or values of a type of their own: as numbers, and as a kernel's memory.

#ifndef JITATTN_TESTS_JIT_KV_MEMORY_H_
#define JITATTN_TESTS_JIT_KV_MEMORY_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "base/small_float.h"
#include "jit/attention/kv_row.h"
#include "tests/jit/jit_testing.h"

namespace jitattn::jit::testing {

// Random rows and scales, flush against unreadable pages. Only rows [first, end) are in memory, and
// only rows that `seen` holds are numbers: the others are NaN, or have NaN as scales. Every number
// is exact in float.
class KvMemory {
 public:
  KvMemory(const AttentionSpec& spec, int dim, int64_t first, int64_t end, int64_t gap,
           const std::function<bool(int64_t)>& seen, std::mt19937_64& random,
           GuardedBuffer::Flush flush)
      : row_(spec, dim),
        type_(spec),
        stride_(row_.bytes + gap * KvElementBytes(spec)),
        scale_stride_((row_.scales + gap) * int64_t{sizeof(float)}),
        first_(first),
        rows_(Bytes(end - first, stride_, row_.bytes), flush),
        scales_(Bytes(row_.has_scale_array() ? end - first : 0, scale_stride_,
                      row_.scales * int64_t{sizeof(float)}),
                flush) {
    std::memset(rows_.data(), 0xFF, rows_.bytes());
    std::memset(scales_.data(), 0xFF, scales_.bytes());
    numbers_.resize(end * dim, kNan);
    for (int64_t row = first; row < end; ++row) Fill(row, seen(row), random);
  }

  // Of row 0, which need not be in memory.
  const void* data() const { return rows_.data() - first_ * stride_; }
  const float* scales() const {
    return reinterpret_cast<const float*>(scales_.data() - first_ * scale_stride_);
  }
  int64_t stride() const { return stride_; }
  int64_t scale_stride() const { return scale_stride_; }
  const std::vector<float>& numbers() const { return numbers_; }  // [end][dim]

 private:
  static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

  static size_t Bytes(int64_t rows, int64_t stride, int64_t row_bytes) {
    return rows == 0 ? 0 : static_cast<size_t>((rows - 1) * stride + row_bytes);
  }

  // A factor of 8 bits, so that products with int8 are exact.
  static float DrawScale(bool seen, std::mt19937_64& random) {
    const float scale = static_cast<float>(128 + random() % 128) / (128 * 32);
    return !seen ? kNan : random() % 16 == 0 ? -scale : scale;
  }

  static int DrawInteger(std::mt19937_64& random) {
    if (random() % 16 == 0) return random() % 2 ? -128 : 127;
    return static_cast<int>(std::lrint(std::normal_distribution<float>(0, 32)(random)));
  }

  void Fill(int64_t row, bool seen, std::mt19937_64& random) {
    uint8_t* const to = rows_.data() + (row - first_) * stride_;
    float* const numbers = &numbers_[row * row_.dim];
    if (!row_.integers) {
      for (int i = 0; i < row_.dim; ++i) {
        const float x = seen ? std::normal_distribution<float>()(random) : kNan;
        numbers[i] = Store(to + i * SizeOf(KvStorage(type_)), x);
      }
      return;
    }
    uint8_t* const scales = scales_.data() + (row - first_) * scale_stride_;
    float scale = kNan;
    for (int i = 0; i < row_.dim; ++i) {
      const bool starts = row_.block == 0 ? i == 0 : i % row_.block == 0;
      const int block = row_.block == 0 ? 0 : i / row_.block;
      if (starts) {
        scale = DrawScale(seen, random);
        const Float16 half = scale;
        row_.inline_scales ? std::memcpy(to + block * kQ8Bytes, &half, sizeof half)
                           : std::memcpy(scales + block * sizeof scale, &scale, sizeof scale);
      }
      const auto integer = static_cast<int8_t>(std::clamp(DrawInteger(random), -128, 127));
      const int at =
          row_.inline_scales ? block * kQ8Bytes + (kQ8Bytes - kQ8Elements) + i % kQ8Elements : i;
      std::memcpy(to + at, &integer, 1);
      numbers[i] = static_cast<float>(integer) * scale;
    }
  }

  // Stores a float in the type of the elements. What it became.
  float Store(uint8_t* to, float x) const {
    const auto put = [to](auto value) {
      std::memcpy(to, &value, sizeof value);
      return static_cast<float>(value);
    };
    switch (KvStorage(type_)) {
      case DType::kBF16:
        return put(BFloat16(x));
      case DType::kF16:
        return put(Float16(x));
      default:
        return put(x);
    }
  }

  const KvRow row_;
  const AttentionSpec type_;
  const int64_t stride_, scale_stride_, first_;
  GuardedBuffer rows_, scales_;
  std::vector<float> numbers_;
};

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_KV_MEMORY_H_
