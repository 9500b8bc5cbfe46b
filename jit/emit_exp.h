// 2^x and e^x of a group of vectors.

#ifndef JITATTN_JIT_EMIT_EXP_H_
#define JITATTN_JIT_EMIT_EXP_H_

#include <map>
#include <span>

#include "jit/assembler.h"

namespace jitattn::jit {

struct ExpOptions {
  enum Base { kTwo, kE };
  Base base = kTwo;
  int in_flight = 4;           // vectors whose chains interleave
  int constant_registers = 0;  // constants held in registers, the most used first; others in memory
  bool flush = false;          // 2^x on AVX-512 too is 0 under the smallest normal number
};

// n = round(x·log2 b), r = x − n·log_b 2, b^r by a polynomial in Horner's form, times 2^n.
//   |error|  2^x f32 2.1 ulp, e^x f32 1.1 ulp, both f64 1 ulp
//   NaN gives NaN, −∞ gives 0. REQUIRES: x < 127 (f32), 1023 (f64) in units of log2, or NaN.
//   Below the smallest normal result AVX2 gives 0; AVX-512 denormals, or 0 where `flush`.
class EmitExp {
 public:
  static int VecsNeeded(const ExpOptions& options);

  EmitExp(Assembler& a, const ExpOptions& options);

  // Loads the constants that live in registers; call once before the loop.
  void LoadConstants();

  // x ← b^x in place, each instruction across the whole group so that the chains are independent.
  // REQUIRES: x.size() ≤ in_flight.
  void Emit(std::span<const Vec> x);

 private:
  // The constants, in the order in which registers are given to them.
  enum Name { kLowest, kTop, kMagic, kLog2e, kLn2High, kLn2Low, kPoly };

  void Declare(int name, double value);
  // Its register if it has one, else its place in memory.
  const Xbyak::Operand& Get(int name) const;
  void Clamp(std::span<const Vec> x);
  void ReduceAvx512(std::span<const Vec> x);
  void ReduceAvx2(std::span<const Vec> x);

  Assembler& a_;
  const ExpOptions options_;
  std::span<const double> poly_;  // constant term first
  std::map<int, Xbyak::Address> memory_;
  std::map<int, Vec> held_;
  Vecs n_, p_, constant_regs_;
  Opmasks normal_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_EMIT_EXP_H_
