// 2^x of a group of vectors.

#ifndef JITATTN_JIT_PARTS_EMIT_EXP_H_
#define JITATTN_JIT_PARTS_EMIT_EXP_H_

#include <map>
#include <span>

#include "jit/assembler.h"

namespace jitattn::jit {

// n = round(x), r = x − n; the result is a polynomial for 2^r in Horner's form, times 2^n. With a
// table (AVX-512), x is rounded to sixteenths (f64: eighths) instead; one vector holds the table of
// their powers, and a shorter polynomial suffices.
//   |error| 2.1 ulp (f32), 1 ulp (f64); exact for 2^0 = 1 and every other integer x
//   results of 16 bits: 1.0e-4 by degree 3, 2.9e-6 by degree 4, relative to 2^x
//   NaN gives NaN, −∞ gives 0. REQUIRES: x < 127 (f32), 1023 (f64), or NaN.
//   Results below the smallest normal number are 0 (AVX2: from ½ below its exponent on): denormal
//   factors would cost a hundred cycles per product on some CPUs.
class EmitExp {
 public:
  // Vector registers besides the group itself.
  static int VecsNeeded(int in_flight, int constants) { return 2 * in_flight + constants; }

  // The degrees of the polynomials for results of this type, the usual one first.
  //   f32   5; 3 by table (AVX-512)
  //   f64   7 by table (AVX-512); 11
  //   bf16, f16, whose results are rounded by up to 2^-9 and 2^-12: 3, 4, 5
  static std::span<const int> Degrees(Isa isa, DType result);

  // A group has at most `in_flight` vectors. Up to `constants` constants live in registers, the
  // most used first; the others are memory operands, which are free if the load ports are idle.
  // `degree` is one of Degrees() for `result`, or 0 for the first of these. 16-bit results are
  // computed in f32.
  EmitExp(Assembler& a, int in_flight, int constants, DType result, int degree);

  // Loads the registers of constants; called once, before the loop.
  void LoadConstants();

  // x ← 2^x in place. Each instruction is issued across the whole group, so that independent chains
  // overlap.
  void Emit(std::span<const Vec> x);

 private:
  // The constants, in order of priority for registers.
  enum Name { kLowest, kTable, kTop, kMagic, kPoly };

  struct Form {
    std::span<const double> poly;  // constant term first
    int table_bits = 0;            // the low bits of k that index the table; 0: no table
  };
  static const Form& FormOf(Isa isa, DType result, int degree);

  bool by_table() const { return form_.table_bits > 0; }
  void Declare(int name, double value) { memory_.emplace(name, a_.Const(value)); }
  // The constant's register if it has one, else its memory operand.
  const Xbyak::Operand& Get(int name) const;
  // Sets the opmasks of lanes whose results are normal numbers or NaN.
  void EmitNormal(std::span<const Vec> x);
  void EmitByTable(std::span<const Vec> x);
  void ReduceAvx512(std::span<const Vec> x);
  void ReduceAvx2(std::span<const Vec> x);

  Assembler& a_;
  const Form& form_;
  std::map<int, Xbyak::Address> memory_;
  std::map<int, Vec> held_;
  Vecs n_, p_, constants_;
  Opmasks normal_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_EXP_H_
