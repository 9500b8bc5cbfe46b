// Sigmoid-mul in C++, without emitted code.

#include "jit/sigmoid_mul/portable.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/small_float.h"
#include "jit/sigmoid_mul/args.h"

namespace jitattn::jit {
namespace {

template <typename T>
void Run(const SigmoidMulArgs& args) {
  const auto* x_row = static_cast<const char*>(args.x);
  auto* out_row = static_cast<char*>(args.out);
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t c = 0; c < args.cols; ++c) {
      T x;
      std::memcpy(&x, x_row + c * sizeof(T), sizeof(T));  // strides may leave elements unaligned
      // Computed in double even for float: e^−x cannot overflow where the quotient is a float, and
      // only one rounding remains. For double, exp and the quotient add at most an ulp each. 16-bit
      // types are rounded twice. This is exact rounding where float has more than twice their
      // digits; otherwise the result is still one of the two neighbours of the quotient.
      const double wide = x;
      const T y = static_cast<Compute<T>>(wide / (1 + std::exp(-wide)));
      std::memcpy(out_row + c * sizeof(T), &y, sizeof(T));
    }
    x_row += args.x_stride;
    out_row += args.out_stride;
  }
}

}  // namespace

void RunPortableSigmoidMul(const void* args) {
  const auto& a = *static_cast<const SigmoidMulArgs*>(args);
  switch (a.spec->dtype) {
    case DType::kF64:
      return Run<double>(a);
    case DType::kBF16:
      return Run<BFloat16>(a);
    case DType::kF16:
      return Run<Float16>(a);
    default:
      return Run<float>(a);
  }
}

}  // namespace jitattn::jit
