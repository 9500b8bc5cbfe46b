// Sigmoid-mul for tests: the formula, and the bound that a kernel has to keep.

#ifndef JITATTN_TESTS_JIT_SIGMOID_MUL_REFERENCE_H_
#define JITATTN_TESTS_JIT_SIGMOID_MUL_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <ios>
#include <limits>
#include <vector>

#include "base/small_float.h"
#include "gtest/gtest.h"

namespace jitattn::jit::testing {

// The formula in long double: 64 bits of mantissa, 11 more than f64.
inline long double ExactSigmoidMul(long double x) { return x / (1 + std::exp(-x)); }

// Distance from the exact value in units of the last place that T has there.
template <typename T>
double UlpError(T got, long double exact) {
  const int exponent = std::max(std::ilogb(exact), std::numeric_limits<T>::min_exponent - 1);
  const long double ulp = std::ldexp(1.0L, exponent + 1 - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs(static_cast<long double>(got) - exact) / ulp);
}

template <typename T>
struct SigmoidMulContract;
template <>
struct SigmoidMulContract<float> {
  static constexpr double kUlps = 2.5, kNear = 1e-6;
  static constexpr float kLowest = -87;
  static constexpr double kAbsoluteBelow = 1e-36;
};
template <>
struct SigmoidMulContract<double> {
  static constexpr double kUlps = 2.5, kNear = 1e-6;
  static constexpr double kLowest = -708;
  static constexpr double kAbsoluteBelow = 1e-304;
};
// All of a 16-bit type: one of the two numbers next to the exact value, and the nearer one unless
// that lies within 2^-12.8 (bf16), 2^-13.6 (f16) of the middle.
template <>
struct SigmoidMulContract<BFloat16> {
  static constexpr double kUlps = 0.54, kNear = 1.0 / 256;
  static constexpr float kLowest = -std::numeric_limits<float>::infinity();
  static constexpr double kAbsoluteBelow = 0;
};
template <>
struct SigmoidMulContract<Float16> {
  static constexpr double kUlps = 0.66, kNear = 1.0 / 2048;
  static constexpr float kLowest = -std::numeric_limits<float>::infinity();
  static constexpr double kAbsoluteBelow = 0;
};

// y[i] against the formula of x[i]. Of what is not finite +∞ gives +∞, the rest NaN.
template <typename T>
::testing::AssertionResult KeepsSigmoidMulContract(const std::vector<T>& x,
                                                   const std::vector<T>& y) {
  using Contract = SigmoidMulContract<T>;
  double worst = 0, worst_below = 0;
  T worst_at = 0, worst_below_at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double exact = ExactSigmoidMul(static_cast<long double>(x[i]));
    if (!std::isfinite(x[i])) {
      const bool right = x[i] > 0 ? y[i] > 0 && std::isinf(y[i]) : std::isnan(y[i]);
      if (!right) return ::testing::AssertionFailure() << y[i] << " of " << x[i];
    } else if (x[i] < Contract::kLowest) {
      const double error = static_cast<double>(std::abs(static_cast<long double>(y[i]) - exact));
      if (!(error <= worst_below)) worst_below = error, worst_below_at = x[i];
    } else {
      const double error = exact == 0 ? (y[i] == 0 ? 0 : INFINITY) : UlpError(y[i], exact);
      if (!(error <= worst)) worst = error, worst_at = x[i];
    }
  }
  if (!(worst <= Contract::kUlps)) {
    return ::testing::AssertionFailure() << worst << " ulp at x = " << std::hexfloat << worst_at;
  }
  if (!(worst_below <= Contract::kAbsoluteBelow)) {
    return ::testing::AssertionFailure()
           << worst_below << " off at x = " << std::hexfloat << worst_below_at;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_SIGMOID_MUL_REFERENCE_H_
