// The bias of a test's problem: as numbers, and as a kernel's memory.

#ifndef JITATTN_TESTS_JIT_BIAS_ROWS_H_
#define JITATTN_TESTS_JIT_BIAS_ROWS_H_

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "base/small_float.h"
#include "jit/attention/bias.h"
#include "tests/jit/jit_testing.h"

namespace jitattn::jit::testing {

// The value of `x` after a round trip through the type of a bias. kSeen: 0 or −∞.
inline double RoundedToBias(const AttentionSpec& spec, double x) {
  if (spec.bias == Bias::kSeen) return x == -std::numeric_limits<double>::infinity() ? x : 0;
  switch (BiasType(spec)) {
    case DType::kF64:
      return x;
    case DType::kBF16:
      return static_cast<BFloat16>(static_cast<float>(x));
    case DType::kF16:
      return static_cast<Float16>(static_cast<float>(x));
    default:
      return static_cast<float>(x);
  }
}

// Exact values. Memory holds each distinct row once: `stride` is in rows of memory (0: all rows
// share row 0; negative: rows lie backwards), and rows of memory are `gap` elements apart.
struct BiasRows {
  int64_t rows = 0, keys = 0, stride = 1, gap = 0;
  std::vector<double> values;  // [rows][keys]

  double at(int64_t row, int64_t key) const { return values[(stride == 0 ? 0 : row) * keys + key]; }
};

// Writes an element.
inline void WriteBias(const AttentionSpec& spec, uint8_t* to, double x) {
  const auto put = [to](auto value) { std::memcpy(to, &value, sizeof value); };
  if (spec.bias == Bias::kSeen) return put(static_cast<uint8_t>(std::isinf(x) ? 0 : 2));
  switch (BiasType(spec)) {
    case DType::kF64:
      return put(x);
    case DType::kBF16:
      return put(static_cast<BFloat16>(static_cast<float>(x)));
    case DType::kF16:
      return put(static_cast<Float16>(static_cast<float>(x)));
    default:
      return put(static_cast<float>(x));
  }
}

// Flush against unreadable pages.
class BiasMemory {
 public:
  BiasMemory(const AttentionSpec& spec, const BiasRows& in, GuardedBuffer::Flush flush) {
    if (spec.bias == Bias::kNone) return;
    const int bytes = BiasBytes(spec);
    const int64_t step = in.stride < 0 ? -in.stride : in.stride, row = in.keys + in.gap;
    const int64_t last = in.rows == 0 ? 0 : (in.rows - 1) * step;
    buffer_ = std::make_unique<GuardedBuffer>((last * row + in.keys) * bytes, flush);
    std::memset(buffer_->data(), 0xFF, buffer_->bytes());
    stride_ = in.stride * row * bytes;
    first_ = buffer_->data() + (in.stride < 0 ? last * row * bytes : 0);
    for (int64_t i = 0; i < (in.stride == 0 ? 1 : in.rows); ++i)
      for (int64_t j = 0; j < in.keys; ++j)
        WriteBias(spec, first_ + i * stride_ + j * bytes, in.at(i, j));
  }
  const void* first() const { return first_; }
  int64_t stride() const { return stride_; }

 private:
  std::unique_ptr<GuardedBuffer> buffer_;
  uint8_t* first_ = nullptr;
  int64_t stride_ = 0;
};

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_BIAS_ROWS_H_
