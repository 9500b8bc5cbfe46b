// Sigmoid-mul without emitted code.

#include "jit/portable_sigmoid_mul.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "jit/kernel.h"

namespace jitattn::jit {
namespace {

template <typename T>
void Run(const SigmoidMulArgs& args) {
  const auto* x_row = static_cast<const char*>(args.x);
  auto* out_row = static_cast<char*>(args.out);
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t c = 0; c < args.cols; ++c) {
      T x;
      std::memcpy(&x, x_row + c * sizeof(T), sizeof(T));  // strides need not keep elements aligned
      // In double also for float: e^−x cannot overflow where the quotient is a float, and one
      // rounding is left. For double, exp and the quotient stay within an ulp each.
      const double wide = x;
      const T y = static_cast<T>(wide / (1 + std::exp(-wide)));
      std::memcpy(out_row + c * sizeof(T), &y, sizeof(T));
    }
    x_row += args.x_stride;
    out_row += args.out_stride;
  }
}

}  // namespace

void RunPortableSigmoidMul(const void* args) {
  const auto& a = *static_cast<const SigmoidMulArgs*>(args);
  a.spec->dtype == DType::kF64 ? Run<double>(a) : Run<float>(a);
}

}  // namespace jitattn::jit
