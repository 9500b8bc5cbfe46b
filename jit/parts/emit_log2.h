// log2 x of a vector.

#ifndef JITATTN_JIT_PARTS_EMIT_LOG2_H_
#define JITATTN_JIT_PARTS_EMIT_LOG2_H_

#include "jit/assembler.h"

namespace jitattn::jit {

// x = 2^e · m with √½ ≤ m < √2;  s = (m − 1)/(m + 1);  log2 x = e + s·P(s²)
//   |error| 2 ulp of the result, or 2^-24 (f64: 2^-53) near x = 1
//   0 gives −∞, NaN and +∞ give NaN. REQUIRES: x ≥ 0, not denormal, or NaN.
class EmitLog2 {
 public:
  // Vector registers besides x.
  static constexpr int kVecsNeeded = 4;

  explicit EmitLog2(Assembler& a) : a_(a), temps_(a.pool().LeaseVecs("log2", kVecsNeeded)) {}

  // x ← log2 x
  void Emit(const Vec& x);

 private:
  void EmitSplit(const Vec& x, const Vec& e, const Vec& m);
  void EmitSpecials(const Vec& x, const Vec& special);

  Assembler& a_;
  const Vecs temps_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_LOG2_H_
