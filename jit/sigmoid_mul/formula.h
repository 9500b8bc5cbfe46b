// The formulas of the activations, for the portable path and the reference.

#ifndef JITATTN_JIT_SIGMOID_MUL_FORMULA_H_
#define JITATTN_JIT_SIGMOID_MUL_FORMULA_H_

#include <cmath>

#include "jit/sigmoid_mul/args.h"

namespace jitattn::jit {

// The numbers of a run that an activation depends on.
struct ActivationNumbers {
  double alpha = 1.702, limit = 0, up_offset = 0;
};

// f(x). Real has more digits than the results for which it is used: e^(−x²/2) and e^−t turn the
// last digits of x² and t into the last but six of the result.
template <typename Real>
Real ActivationOf(Activation activation, Real x, double alpha) {
  constexpr Real kHalfRoot = 0.707106781186547524400844362104849039L;
  constexpr Real kLinear = 1.59576912160573071175978423753972747L;  // 2·√(2/π)
  if (activation == Activation::kSilu) return x / (1 + std::exp(-x));
  if (std::isinf(x) && x < 0) return 0;  // the limit, where a product would be ∞ · 0
  switch (activation) {
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-static_cast<Real>(alpha) * x));
    case Activation::kGelu:
      return x * std::erfc(-x * kHalfRoot) / 2;
    case Activation::kGeluTanh: {
      const Real t = x * (kLinear + static_cast<Real>(0.044715L) * kLinear * x * x);
      return x / (1 + std::exp(-t));
    }
    case Activation::kRelu2:
      return x < 0 ? 0 : x * x;
    default: {  // kHardSwish
      const Real share = x + 3;
      return x * (share < 0 ? 0 : share > 6 ? 6 : share) / 6;
    }
  }
}

// The gate as f sees it, and the factor of f. A NaN stays.
template <typename Real>
Real ClampedGate(Real g, const ActivationNumbers& numbers) {
  return g > static_cast<Real>(numbers.limit) ? static_cast<Real>(numbers.limit) : g;
}
template <typename Real>
Real ClampedFactor(Real u, const ActivationNumbers& numbers) {
  const Real limit = static_cast<Real>(numbers.limit);
  const Real clamped = u > limit ? limit : u < -limit ? -limit : u;
  return clamped + static_cast<Real>(numbers.up_offset);
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_FORMULA_H_
