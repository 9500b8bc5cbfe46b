// RMS norm and rotary embedding of one row, in the type in which it is computed.

#ifndef JITATTN_OPS_ATTENTION_ROW_MATH_H_
#define JITATTN_OPS_ATTENTION_ROW_MATH_H_

#include <cmath>
#include <cstdint>

namespace jitattn::ops {

// Σ x², in kParts sums of every kParts-th element, which are then added in pairs: vectorised, and
// in the same order on every CPU.
template <typename Real>
Real SumOfSquares(const Real* x, int64_t count) {
  constexpr int kParts = 16;
  Real sums[kParts] = {};
  const int64_t whole = count / kParts * kParts;
  for (int64_t e = 0; e < whole; e += kParts) {
    for (int part = 0; part < kParts; ++part) sums[part] += x[e + part] * x[e + part];
  }
  for (int64_t e = whole; e < count; ++e) sums[e - whole] += x[e] * x[e];
  for (int half = kParts / 2; half > 0; half /= 2) {
    for (int part = 0; part < half; ++part) sums[part] += sums[part + half];
  }
  return sums[0];
}

// The factor 1 / √(mean of x² + eps).
template <typename Real>
Real InverseRms(const Real* x, int64_t count, Real eps) {
  return 1 / std::sqrt(SumOfSquares(x, count) / static_cast<Real>(count) + eps);
}

// Rotates x1[e · step] and x2[e · step] by the angle of cos[e · inner], sin[e · inner].
template <typename Real>
void RotatePairs(Real* __restrict x1, Real* __restrict x2, int64_t step, const float* cos,
                 const float* sin, int64_t inner, int64_t pairs) {
  for (int64_t e = 0; e < pairs; ++e) {
    const Real c = cos[e * inner], s = sin[e * inner], a = x1[e * step], b = x2[e * step];
    x1[e * step] = a * c - b * s;
    x2[e * step] = b * c + a * s;
  }
}

// Of `2 · pairs` elements: e with e + pairs (halves), or 2 e with 2 e + 1. Constants in the place
// of `step` and `inner` let the usual loops be vectorised.
template <typename Real>
void RotateElements(Real* x, bool halves, const float* cos, const float* sin, int64_t inner,
                    int64_t pairs) {
  if (halves) {
    inner == 1 ? RotatePairs(x, x + pairs, 1, cos, sin, 1, pairs)
               : RotatePairs(x, x + pairs, 1, cos, sin, inner, pairs);
  } else {
    inner == 1 ? RotatePairs(x, x + 1, 2, cos, sin, 1, pairs)
               : RotatePairs(x, x + 1, 2, cos, sin, inner, pairs);
  }
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ROW_MATH_H_
