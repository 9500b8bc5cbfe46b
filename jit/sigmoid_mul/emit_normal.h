// x · Φ(x) of a group of vectors, Φ the normal distribution: GELU by erf.

#ifndef JITATTN_JIT_SIGMOID_MUL_EMIT_NORMAL_H_
#define JITATTN_JIT_SIGMOID_MUL_EMIT_NORMAL_H_

#include <span>

#include "jit/assembler.h"
#include "jit/parts/constant_set.h"

namespace jitattn::jit {

// y = x · (1 + erf(x/√2))/2
//   |error|  6 ulp (f32), 9 ulp (f64), down to the smallest denormal: in the tail the roundings of
//            both polynomials add up. Of 16-bit results a share of 2^-14 before they are rounded
//   NaN gives NaN, +∞ gives +∞, −∞ gives 0.
//
// With a = |x| and the tail Φ(−a) = e^(−a²/2)·R(a), y = max(x, 0) − a·Φ(−a) for either sign of x:
// nothing cancels, since a·Φ(−a) ≤ x/2 for x > 0. R is a quotient of polynomials (the form of Cody
// 1969) in one piece, with one division for all.
//
//   a = min(|x|, largest)                    beyond, y is max(x, 0)
//   k = round(−a²/2 · log2 e)
//   r = a²/2 + k·ln 2                        e^(−a²/2) = 2^k · e^−r
//   y = max(x, 0) − s · [2^k/s · p(r) · a · P(a)/D(a)]
//
// An error of a² would become one of up to 87 ulp of y, so the remainder of its rounding, which one
// multiply-subtract gives, is added to r; 16-bit results do not need it. The factor 1/s keeps the
// bracket a normal number where y is denormal. There the last operation, which removes it, rounds.
class EmitNormal {
 public:
  // Vector registers besides those for constants.
  static constexpr int VecsNeeded(int in_flight, bool small) {
    return 4 * in_flight + (small ? 0 : 1);
  }

  // `small`: for a 16-bit result. At most `constant_registers` constants live in registers.
  EmitNormal(Assembler& a, bool small, int in_flight, int constant_registers);

  // Loads the constants that live in registers; called once, before the loop.
  void LoadConstants() { constants_.Load(); }

  // x ← x·Φ(x) in place. REQUIRES: x.size() ≤ in_flight.
  void Emit(std::span<const Vec> x);

  // A register that is free between calls.
  const Vec& scratch() const { return a_abs_[0]; }

 private:
  // The constants, in order of priority for registers.
  enum Name {
    kMagnitude,
    kLargest,
    kMagic,
    kLog2e,  // −(log2 e)/2
    kLn2High,
    kLn2Low,
    kScale,
    kExp,
    kNumerator = kExp + 16,
    kDenominator = kNumerator + 16
  };

  void DeclareReduction();
  void DeclarePolynomial(int name, std::span<const double> coefficients, double argument_scale);
  // to ← the polynomial of `top` + 1 coefficients at x.
  void Horner(std::span<const Vec> to, std::span<const Vec> x, int name, int top, int count);
  void Reduce(std::span<const Vec> x);

  Assembler& a_;
  const bool f64_, small_;
  const int scale_bits_;  // s = 2^-scale_bits
  std::span<const double> exp_, numerator_, denominator_;
  ConstantSet constants_;
  // One register of each per vector in flight. Their contents over time:
  //   a_abs_   a
  //   square_  a², 2r, P
  //   power_   k in the low bits of a float, 2^k/s, the bracket
  //   temp_    k as a float, p, D, 0
  Vecs a_abs_, square_, power_, temp_;
  Vecs exact_;  // 2r; shared by all in turn
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_EMIT_NORMAL_H_
