// x · sigmoid(x) of a group of vectors.

#ifndef JITATTN_JIT_SIGMOID_MUL_EMIT_SIGMOID_H_
#define JITATTN_JIT_SIGMOID_MUL_EMIT_SIGMOID_H_

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "jit/assembler.h"
#include "jit/sigmoid_mul/config.h"

namespace jitattn::jit {

struct SigmoidOptions {
  DType storage = DType::kF32;           // the type to which results are rounded
  PowerTable table = PowerTable::kNone;  // kWide: AVX-512 only
  bool reciprocal = false;     // vrcp14 instead of a division, with Newton steps if 14 bits
                               // do not suffice; AVX-512 only
  int in_flight = 4;           // vectors whose chains interleave
  int constant_registers = 0;  // maximum of constants in registers; the others are in memory
};

// y = x / (1 + e^−x)
//   |error|  2.5 ulp for x ≥ −87 (f32), ≥ −708 (f64); below, 1e-36 and 1e-304 absolute
//            2^-12.8 relative before it is rounded to bf16, 2^-13.6 to f16, for every x of that
//            type
//   NaN gives NaN, +∞ gives +∞, −∞ gives NaN as the formula does; large negative x gives −0.
//
//   t = min(x, largest)                      beyond, e^−x would be denormal, and 1 + e^−x is 1
//   k = round(−t·S·log2 e)                   bounded so that 2^(k/S) is finite
//   r = t + k·(ln 2)/S                       e^−t = 2^(k/S) · e^−r
//   d = 1 + 2^(k/S)·p(r)                     rounded once
//   y = x / d
//
// How 2^(k/S) is computed, by PowerTable and type:
//   kNone               S = 1; k is moved to the exponent of a float.
//   kRegister           S = the entries 2^(j/S) in one register; k is added to an entry's exponent.
//                       The polynomial is shorter.
//   kRegister,          S = 8. An instruction looks up one of 8 words in each of 8 lanes, so one
//     f64 on AVX2       finds the lower and one the upper halves of the entries.
//   kWide, f64          As kRegister from two registers, with twice the entries and one term less.
//   kWide, f32          As kRegister, but with work moved from the multipliers to the adders and
//                       shuffles, for CPUs where these have ports of their own; see below.
//   kWide, 16 bits      No table: e^−x = 2^⌊u⌋ · p(u − ⌊u⌋) for u = −x·log2 e. vreduceps gives the
//                       fraction, vscalefps multiplies by the power. Both agree with the formula
//                       for numbers out of range and infinities, so nothing needs a bound.
//
// kWide, f32: vscalef multiplies by 2^⌊k/S⌋ and bounds it. The low part of ln 2 is a subtraction
// instead of a multiply-add. For
//   ln 2 = high − 2^−29·1.02, and M + k/S, the float that rounding leaves,
//   r = t + (k/S)·high − (k/S)·2^−29 = [t + (k/S)·high − (M + k/S)·2^−29] + M·2^−29
// where the factor 2^−29 is a subtraction from the exponent, and the argument of the polynomial is
// the bracket. Replacing 1.02 by 1 has an error of 5e-9 at x = −87.
//
// bf16 reaches results of 2^-133, where e^−x exceeds float's range. There s = 2^-24 scales d so
// that its inverse is a normal number, and y = x · (s / (s + s·e^−x)); otherwise s = 1. If x is so
// low that k reaches its bound, r becomes negative, all terms of p are positive, and d overflows to
// +∞. Hence the bound on k replaces a lower bound on x, and −∞ still becomes −∞/∞.
class EmitSigmoid {
 public:
  static constexpr bool HasTable(PowerTable table, Isa isa) {
    return table != PowerTable::kWide || isa == Isa::kAvx512;
  }
  // Vector registers besides those for constants.
  static constexpr int VecsNeeded(int in_flight, PowerTable table, Isa isa, DType dtype) {
    const bool shared =
        (table == PowerTable::kRegister && isa == Isa::kAvx2 && dtype == DType::kF64) ||
        (table == PowerTable::kWide && SizeOf(dtype) >= 4);
    return 3 * in_flight + (shared ? 1 : 0);
  }

  EmitSigmoid(Assembler& a, const SigmoidOptions& options);

  // Loads the constants that live in registers; called once, before the loop.
  void LoadConstants();

  // x ← x·sigmoid(x) in place. Each instruction is issued across the whole group, so that
  // independent chains overlap. REQUIRES: x.size() ≤ in_flight.
  void Emit(std::span<const Vec> x) { Emit(x, x, {}); }
  // x ← x·sigmoid(t − excess). An empty `excess` is 0. A relative error of 2^-24 of the argument is
  // one of |t|·2^-24 of the result, up to 87 units of the last place; hence the second part.
  // REQUIRES: t may lie in argument(), and `excess` in no register of this object; |excess| ≤
  // 2^-10.
  void Emit(std::span<const Vec> x, std::span<const Vec> t, std::span<const Vec> excess);

  // One register of each per vector in flight, free between calls.
  std::span<const Vec> argument() const { return power_.regs(); }
  std::span<const Vec> spare() const { return r_.regs(); }
  std::span<const Vec> more_spare() const { return temp_.regs(); }

 private:
  // The constants, in order of priority for registers.
  enum Name {
    kMagic,
    kOne,  // s
    kLog2e,
    kLn2High,
    kLn2Low,  // kWide, f32: the number to subtract from an exponent
    kHighest,
    kMost,
    kTable,  // two registers: the second; by halves: the upper halves
    kTableLow,
    kZero,
    kTop,
    kPoly
  };

  bool wide() const { return options_.table == PowerTable::kWide; }
  bool by_adders() const { return wide() && !f64_ && !small_; }
  bool by_parts() const { return wide() && small_; }
  bool by_halves() const { return options_.table == PowerTable::kRegister && f64_ && !a_.avx512(); }
  bool two_registers() const { return wide() && f64_; }
  void Declare(int name, double value) { memory_.emplace(name, a_.Const(value)); }
  void DeclareTable(double kappa);
  double DeclareReduction();
  const Xbyak::Operand& Get(int name) const;
  std::vector<uint64_t> PowerTable(double kappa) const;
  void Reduce(std::span<const Vec> t);
  void ReduceByAdders(std::span<const Vec> t);
  void DenominatorByParts(std::span<const Vec> t);
  void LookUp(const Vec& to, const Vec& index);
  void LookUpHalves(const Vec& to, const Vec& index);
  void Power(int count);
  void Denominator(int count);
  void Divide(std::span<const Vec> x);
  void MultiplyByReciprocal(std::span<const Vec> x);

  Assembler& a_;
  const SigmoidOptions options_;
  const bool f64_, small_;  // small_: for a 16-bit result
  const int scale_bits_;    // s = 2^-scale_bits
  int table_bits_ = 0;      // S = 2^table_bits
  int top_ = 0;             // degree of the polynomial
  std::map<int, Xbyak::Address> memory_;
  std::optional<Xbyak::Address> first_half_memory_;  // of a table in two registers
  std::map<int, Vec> held_;
  // One register of each per vector in flight. Their contents over time:
  //   r_      t, r
  //   power_  k in the low bits of a float, the float 2^(k/S), d
  //   temp_   k as a float (kWide, f32: k/S), table entry, p, reciprocal
  // By parts: u in r_, p and then d in power_, u − ⌊u⌋ in temp_.
  Vecs r_, power_, temp_;
  Vecs low_;  // low part of r, or of a table entry; shared by all in turn
  Vecs first_half_, constant_regs_;
  Opmasks inexact_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_EMIT_SIGMOID_H_
