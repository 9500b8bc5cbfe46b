// tanh x of a vector.

#ifndef JITATTN_JIT_PARTS_EMIT_TANH_H_
#define JITATTN_JIT_PARTS_EMIT_TANH_H_

#include "jit/assembler.h"

namespace jitattn::jit {

//   f32: t = clamp(x, ±8.9);  y = t · P(t²) / Q(t²)
//        |error| 6 ulp: 1.9e-8 relative by the approximation, the rest by rounding
//   f64: e = 2^k · (1 + r·P(r)) for 2x·log2 e = k + r;  y = (e − 1) / (e + 1)
//        |error| 4 ulp. e − 1 is (2^k − 1) + 2^k · r·P(r), which keeps the digits of a small x.
//   NaN gives NaN, ±∞ gives ±1, −0 gives −0 or 0.
class EmitTanh {
 public:
  // Vector registers besides x.
  static constexpr int kVecsNeeded = 3;

  explicit EmitTanh(Assembler& a) : a_(a), temps_(a.pool().LeaseVecs("tanh", kVecsNeeded)) {}

  // x ← tanh x
  void Emit(const Vec& x);

 private:
  void EmitRational(const Vec& x);
  void EmitByExp(const Vec& x);
  // x ← min(max(x, −limit), limit), which keeps a NaN.
  void Clamp(const Vec& x, double limit);
  // sum ← c[0] + c[1]·z + c[2]·z² + …
  void Polynomial(const Vec& sum, const Vec& z, std::span<const double> c);

  Assembler& a_;
  const Vecs temps_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_TANH_H_
