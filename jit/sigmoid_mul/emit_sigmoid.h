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
  DType storage = DType::kF32;           // what the result will be rounded to
  PowerTable table = PowerTable::kNone;  // kWide: AVX-512 only
  bool reciprocal = false;     // vrcp14, and Newton steps where 14 bits do not do, instead of a
                               // division; AVX-512 only
  int in_flight = 4;           // vectors whose chains interleave
  int constant_registers = 0;  // at most so many constants in registers; others in memory
};

// y = x / (1 + e^−x)
//   |error|  2.5 ulp for x ≥ −87 (f32), ≥ −708 (f64); below, 1e-36 and 1e-304 absolute
//            2^-12.8 relative before it is rounded to bf16, 2^-13.6 to f16, for every x of that
//            type
//   NaN gives NaN, +∞ gives +∞, −∞ gives NaN as the formula does; large negative x gives −0.
//
//   t = min(x, largest)                      e^−x would be denormal beyond, and 1 + e^−x is 1
//   k = round(−t·S·log2 e), at most so much that 2^(k/S) is finite; S entries in the table, or 1
//   r = t + k·(ln 2)/S                       e^−t = 2^(k/S) · e^−r
//   d = 1 + 2^(k/S)·p(r)                     in one rounding
//   y = x / d
// table 0: S is 1, and 2^k is k moved to the exponent of a float. 1: a shorter polynomial, and
// 2^(j/S) from a register; k is added to its exponent. AVX2 looks up f64 by halves: an instruction
// finds one of 8 words for each of 8, so two find the lower and the upper halves of 8 entries.
// 2, f64: the same from two registers, which hold twice the entries, and one term less.
// 2, f32, leaves to the adders and shuffles all that they can do, for CPUs where those are pipes of
// their own beside the multipliers: vscalef multiplies by 2^⌊k/S⌋ and bounds it, and the low part
// of ln 2 is no multiply-add but a difference. For
//   ln 2 = high − 2^−29·1.02,   M + k/S being the float that rounding leaves,
//   r = t + (k/S)·high − (k/S)·2^−29 = [t + (k/S)·high − (M + k/S)·2^−29] + M·2^−29
// where the factor 2^−29 is a subtraction from the exponent, and the polynomial is that of the
// bracket. What 1.02 is off by comes to 5e-9 at x = −87.
// 2, 16-bit results: no table. For u = −x·log2 e,
//   e^−x = 2^⌊u⌋ · p(u − ⌊u⌋)
// vreduceps gives the fraction, vscalefps multiplies by the power; what they make of numbers out of
// range, infinities included, is what the formula asks, so that nothing needs a bound.
// bf16 reaches results of 2^-133, where e^−x has left float's range: there s = 2^-24 scales d,
// whose inverse is a number again, and y = x · (s / (s + s·e^−x)); else s = 1. For x below what k
// allows r grows negative, p's terms are then all positive and d overflows to +∞: one bound on k
// does what a lower bound on x would, and −∞ still comes out as −∞/∞.
class EmitSigmoid {
 public:
  static constexpr bool HasTable(PowerTable table, Isa isa) {
    return table != PowerTable::kWide || isa == Isa::kAvx512;
  }
  // Beside those for constants.
  static constexpr int VecsNeeded(int in_flight, PowerTable table, Isa isa, DType dtype) {
    const bool shared =
        (table == PowerTable::kRegister && isa == Isa::kAvx2 && dtype == DType::kF64) ||
        (table == PowerTable::kWide && SizeOf(dtype) >= 4);
    return 3 * in_flight + (shared ? 1 : 0);
  }

  EmitSigmoid(Assembler& a, const SigmoidOptions& options);

  // Loads the constants that live in registers; call once before the loop.
  void LoadConstants();

  // x ← x·sigmoid(x) in place, each instruction across the whole group so that the chains are
  // independent. REQUIRES: x.size() ≤ in_flight.
  void Emit(std::span<const Vec> x);

 private:
  // The constants, in the order in which registers are given to them.
  enum Name {
    kMagic,
    kOne,  // s
    kLog2e,
    kLn2High,
    kLn2Low,  // table 2: what to subtract from an exponent
    kHighest,
    kMost,
    kTable,  // of two registers, the second; by halves, the upper ones
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
  void Reduce(std::span<const Vec> x);
  void ReduceByAdders(std::span<const Vec> x);
  void DenominatorByParts(std::span<const Vec> x);
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
  // One of each a vector in flight; what they hold changes on the way:
  //   r_      t, r
  //   power_  k in the low bits of a float, the float 2^(k/S), d
  //   temp_   k as a float (table 2: k/S), table entry, p, reciprocal
  // and by parts u, p and then d, u − ⌊u⌋.
  Vecs r_, power_, temp_;
  Vecs low_;  // of r, or of a table's entry; for all of them in turn
  Vecs first_half_, constant_regs_;
  Opmasks inexact_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_EMIT_SIGMOID_H_
