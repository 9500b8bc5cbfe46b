// Sigmoid-mul in C++, without emitted code.

#include "jit/sigmoid_mul/portable.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/small_float.h"
#include "jit/sigmoid_mul/args.h"
#include "jit/sigmoid_mul/formula.h"

namespace jitattn::jit {
namespace {

template <typename T>
void RunSilu(const SigmoidMulArgs& args) {
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

template <typename T>
T Read(const char* row, int64_t element) {
  T value;
  std::memcpy(&value, row + element * sizeof(T), sizeof(T));
  return value;
}

// Everything else: in double, and for double in long double.
template <typename In, typename Out>
void Run(const SigmoidMulArgs& args) {
  using Real = std::conditional_t<std::is_same_v<In, double>, long double, double>;
  const SigmoidMulSpec& spec = *args.spec;
  const ActivationNumbers numbers = {args.alpha, args.limit, args.up_offset};
  const bool pairs = spec.gate == Gate::kPairs, gated = spec.gate != Gate::kNone;
  const auto* x_row = static_cast<const char*>(args.x);
  const auto* up_row = pairs ? x_row + sizeof(In) : static_cast<const char*>(args.up);
  auto* out_row = static_cast<char*>(args.out);
  const int64_t step = pairs ? 2 : 1, up_stride = pairs ? args.x_stride : args.up_stride;
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t c = 0; c < args.cols; ++c) {
      Real g = Read<In>(x_row, c * step);
      if (spec.clamped) g = ClampedGate(g, numbers);
      Real y = ActivationOf(spec.activation, g, numbers.alpha);
      if (gated) {
        const Real u = Read<In>(up_row, c * step);
        y *= spec.clamped ? ClampedFactor(u, numbers) : u;
      }
      const Out rounded = static_cast<Compute<Out>>(y);
      std::memcpy(out_row + c * sizeof(Out), &rounded, sizeof(Out));
    }
    x_row += args.x_stride;
    if (gated) up_row += up_stride;
    out_row += args.out_stride;
  }
}

// run(T()) with T the type in C++.
template <typename Body>
void ForSmallType(DType dtype, const Body& run) {
  if (dtype == DType::kBF16) return run(BFloat16());
  if (dtype == DType::kF16) return run(Float16());
  run(float());
}

}  // namespace

void RunPortableSigmoidMul(const void* args) {
  const auto& a = *static_cast<const SigmoidMulArgs*>(args);
  const DType in = a.spec->dtype;
  if (*a.spec == SigmoidMulSpec{.dtype = in}) {
    if (in == DType::kF64) return RunSilu<double>(a);
    return ForSmallType(in, [&]<typename T>(T) { RunSilu<T>(a); });
  }
  if (in == DType::kF64) return Run<double, double>(a);
  ForSmallType(in, [&]<typename In>(In) {
    ForSmallType(a.spec->out_dtype(), [&]<typename Out>(Out) { Run<In, Out>(a); });
  });
}

}  // namespace jitattn::jit
