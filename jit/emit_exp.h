// 2^x of a group of vectors.

#ifndef JITATTN_JIT_EMIT_EXP_H_
#define JITATTN_JIT_EMIT_EXP_H_

#include <map>
#include <span>

#include "jit/assembler.h"

namespace jitattn::jit {

// n = round(x), r = x − n, 2^r by a polynomial in Horner's form, times 2^n. f64 with AVX-512 rounds
// to eighths, whose powers stand in a table of one vector, and the polynomial is shorter.
//   |error| 2.1 ulp (f32), 1 ulp (f64); 2^0 = 1 exactly, and so is every whole power
//   NaN gives NaN, −∞ gives 0. REQUIRES: x < 127 (f32), 1023 (f64), or NaN.
//   Results under the smallest normal number are 0 (AVX2: from ½ below its exponent on): denormal
//   factors would cost a hundred cycles a product on some CPUs.
class EmitExp {
 public:
  // Beside the group itself.
  static int VecsNeeded(int in_flight, int constants) { return 2 * in_flight + constants; }

  // At most `in_flight` vectors a group. Up to `constants` of the constants live in registers, the
  // most used first; the others are memory operands, which costs nothing where loads are idle.
  // `rounded` is the type that results are rounded to: for bf16 1e-4 is exact enough.
  EmitExp(Assembler& a, int in_flight, int constants = 0, DType rounded = DType::kF32);

  // Fills those registers; once, before the loop.
  void LoadConstants();

  // x ← 2^x in place, each instruction across the whole group so that the chains are independent.
  void Emit(std::span<const Vec> x);

 private:
  // The constants, in the order in which registers are given to them.
  enum Name { kLowest, kTable, kTop, kMagic, kPoly };

  void Declare(int name, double value) { memory_.emplace(name, a_.Const(value)); }
  // Its register if it has one, else its place in memory.
  const Xbyak::Operand& Get(int name) const;
  void EmitByTable(std::span<const Vec> x);
  void ReduceAvx512(std::span<const Vec> x);
  void ReduceAvx2(std::span<const Vec> x);

  Assembler& a_;
  const std::span<const double> poly_;  // constant term first
  std::map<int, Xbyak::Address> memory_;
  std::map<int, Vec> held_;
  Vecs n_, p_, constants_;
  Opmasks normal_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_EMIT_EXP_H_
