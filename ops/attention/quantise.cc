// Floats as int8 with a scale.

#include "ops/attention/quantise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/small_float.h"
#include "ops/attention/append_rows.h"

namespace jitattn::ops {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// max|x|, as bits: those of NaN and infinities are above those of numbers.
float Greatest(const float* x, int64_t count) {
  int32_t greatest = 0;
  for (int64_t e = 0; e < count; ++e) {
    greatest = std::max(greatest, std::bit_cast<int32_t>(x[e]) & 0x7fffffff);
  }
  return std::bit_cast<float>(greatest);
}

// As roundf, which is not vectorised: the number below ½ does not carry 0.49999997 to 1.
// REQUIRES: x fits in int32_t.
int32_t Rounded(float x) { return static_cast<int32_t>(x + std::copysign(0x1.fffffep-2f, x)); }

void RoundProducts(const float* x, int64_t count, float factor, int8_t* to) {
  for (int64_t e = 0; e < count; ++e) to[e] = static_cast<int8_t>(Rounded(x[e] * factor));
}

}  // namespace

void QuantiseI8(const float* x, int64_t count, int8_t* to, float* scale) {
  const float greatest = Greatest(x, count);
  if (!std::isfinite(greatest) || greatest == 0) {
    std::fill_n(to, count, int8_t{0});
    *scale = greatest == 0 ? 0 : kNaN;
    return;
  }
  // Below the smallest normal number a scale would have few digits, and its inverse may overflow.
  *scale = std::max(greatest / 127, std::numeric_limits<float>::min());
  RoundProducts(x, count, 1 / *scale, to);
}

void QuantiseFixed(const float* x, int64_t count, float scale, int8_t* to) {
  const bool usable = scale > 0 && std::isfinite(scale);
  for (int64_t e = 0; e < count; ++e) {
    const float ratio = usable && !std::isnan(x[e]) ? x[e] / scale : 0;
    to[e] = static_cast<int8_t>(Rounded(std::clamp(ratio, -127.f, 127.f)));
  }
}

void QuantiseQ8(const float* x, void* block) {
  const float greatest = Greatest(x, kQ8Elements), d = greatest / 127;
  float inverse = d != 0 ? 1 / d : 0;
  // An inverse that overflows belongs to numbers whose scale is 0 as binary16.
  const bool finite = std::isfinite(greatest);
  if (!finite || std::isinf(inverse)) inverse = 0;
  const Float16 scale = finite ? d : kNaN;
  std::memcpy(block, &scale, sizeof scale);
  int8_t* const bytes = static_cast<int8_t*>(block) + sizeof scale;
  if (inverse == 0) {
    std::fill_n(bytes, kQ8Elements, int8_t{0});
  } else {
    RoundProducts(x, kQ8Elements, inverse, bytes);
  }
}

}  // namespace jitattn::ops
