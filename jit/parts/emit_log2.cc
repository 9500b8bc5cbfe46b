// log2 x of a vector.

#include "jit/parts/emit_log2.h"

#include <limits>
#include <numbers>
#include <span>

namespace jitattn::jit {
namespace {

// log2((1 + √z)/(1 − √z))/√z on 0 ≤ z ≤ 0.0296 = ((√2 − 1)/(√2 + 1))², by Sollya:
//   fpminimax(f, 4, [|24...|], [1e-9; 0.0296], floating, relative): relative error 1.3e-8
constexpr double kF32[] = {2.88539004325867, 0.961814045906067, 0.574969232082367,
                           0.506963193416595, -1.0906219482422};
//   fpminimax(f, 9, [|53...|], [1e-9; 0.0296], floating, relative): relative error 1.4e-17
constexpr double kF64[] = {2.8853900817779267740,  0.96179669392605815492, 0.57707801630647814761,
                           0.41219859638946604318, 0.32059695325678544409, 0.26247548956992927671,
                           0.21325455131934131781, 0.46113261587986289822, -4.3720720689188086183,
                           32.474018296975546263};

}  // namespace

// e ← the exponent as a number, m ← x / 2^e. Integers of a lane:
//   t = x − √½ + 2.0 as bits: its upper bits are e + 2^(exponent bits − 1), which is positive
//   m = x + 2.0 − (those upper bits)
// AVX2 converts no 64-bit integers, so the upper bits become the mantissa of 2^23 (f64: 2^52).
void EmitLog2::EmitSplit(const Vec& x, const Vec& e, const Vec& m) {
  const bool f64 = a_.compute() == DType::kF64;
  const int bits = f64 ? 52 : 23;
  const double shifted_one = f64 ? 0x1p52 : 0x1p23, bias = f64 ? 1024 : 128;
  const auto add = [&](const Vec& to, const Vec& a, const Xbyak::Operand& b) {
    f64 ? a_.vpaddq(to, a, b) : a_.vpaddd(to, a, b);
  };
  const auto subtract = [&](const Vec& to, const Vec& a, const Xbyak::Operand& b) {
    f64 ? a_.vpsubq(to, a, b) : a_.vpsubd(to, a, b);
  };
  add(m, x, a_.Const(2));
  subtract(e, m, a_.Const(std::numbers::sqrt2 / 2));
  f64 ? a_.vpsrlq(e, e, bits) : a_.vpsrld(e, e, bits);
  const Vec& upper = temps_[2];
  a_.ShiftLeft(upper, e, bits);
  subtract(m, m, upper);
  f64 ? a_.vorpd(e, e, a_.Const(shifted_one)) : a_.vorps(e, e, a_.Const(shifted_one));
  a_.Sub(e, e, a_.Const(shifted_one + bias));
}

// special ← −∞ where x is 0, NaN where x is NaN or infinite, else 0.
void EmitLog2::EmitSpecials(const Vec& x, const Vec& special) {
  constexpr int kEqual = 0;
  const bool f64 = a_.compute() == DType::kF64;
  const auto infinity = a_.Const(-std::numeric_limits<double>::infinity());
  const Vec& zero = temps_[2];
  a_.Zero(zero);
  if (a_.avx512()) {
    const Opmasks is_zero = a_.pool().LeaseMasks("is 0");
    f64 ? a_.vcmppd(is_zero[0], x, zero, kEqual) : a_.vcmpps(is_zero[0], x, zero, kEqual);
    const Vec masked = special | is_zero[0] | Xbyak::util::T_z;
    f64 ? a_.vmovapd(masked, infinity) : a_.vmovaps(masked, infinity);
  } else {
    f64 ? a_.vcmppd(special, x, zero, kEqual) : a_.vcmpps(special, x, zero, kEqual);
    a_.And(special, special, infinity);
  }
  a_.Fma231(special, x, zero);
}

void EmitLog2::Emit(const Vec& x) {
  const Vec &e = temps_[0], &m = temps_[1], &z = temps_[2], &special = temps_[3];
  const std::span<const double> p =
      a_.compute() == DType::kF64 ? std::span<const double>(kF64) : kF32;
  EmitSpecials(x, special);
  EmitSplit(x, e, m);
  a_.Sub(x, m, a_.Const(1));
  a_.Add(m, m, a_.Const(1));
  a_.Div(x, x, m);  // s
  a_.Mul(z, x, x);
  a_.LoadVec(m, a_.Const(p.back()));
  for (size_t i = p.size() - 1; i-- > 0;) a_.Fma213(m, z, a_.Const(p[i]));
  a_.Fma213(x, m, e);
  a_.Add(x, x, special);
}

}  // namespace jitattn::jit
