// What follows from l, the sum of a row's weights.

#include "jit/attention/emit_sum.h"

#include <limits>
#include <numbers>

namespace jitattn::jit {

void EmitInverseOfSum(Assembler& a, const AttentionSpec& spec, const Vec& x, const Vec& one) {
  constexpr int kNotEqual = 4;  // predicate NEQ_UQ: true for NaN
  const bool f64 = a.compute() == DType::kF64;
  if (spec.bias == Bias::kNone) return a.Div(x, one, x);
  const Vecs zero = a.pool().LeaseVecs("0");
  a.Zero(zero);
  if (a.avx512()) {
    const Opmasks some = a.pool().LeaseMasks("sees a key");
    f64 ? a.vcmppd(some[0], x, zero, kNotEqual) : a.vcmpps(some[0], x, zero, kNotEqual);
    const Vec masked = x | some[0] | Xbyak::util::T_z;
    f64 ? a.vdivpd(masked, one, x) : a.vdivps(masked, one, x);
    return;
  }
  f64 ? a.vcmppd(zero, zero, x, kNotEqual) : a.vcmpps(zero, zero, x, kNotEqual);
  a.Div(x, one, x);
  a.And(x, x, zero);
}

void EmitLogSum(Assembler& a, const Vec& sum, const Xbyak::Operand& minus_max) {
  EmitLog2(a).Emit(sum);
  a.Sub(sum, sum, minus_max);
  a.Mul(sum, sum, a.Const(std::numbers::ln2));
}

void EmitFloat(Assembler& a, const Xbyak::Xmm& x, const Xbyak::Address& from) {
  a.vmovss(x, from);
  if (a.compute() == DType::kF64) a.vcvtss2sd(x, x, x);
}

namespace {

Xbyak::Address Lowest(Assembler& a) {
  return a.Const(a.compute() == DType::kF64 ? std::numeric_limits<double>::lowest()
                                            : double{std::numeric_limits<float>::lowest()});
}

}  // namespace

void EmitWeightOfSink(Assembler& a, const Vec& weight, const Vec& sink) {
  constexpr int kNotEqual = 4;  // predicate NEQ_UQ: true for NaN
  const bool f64 = a.compute() == DType::kF64;
  const auto lowest = Lowest(a), one = a.Const(1);
  if (a.avx512()) {
    const Opmasks some = a.pool().LeaseMasks("has a sink");
    f64 ? a.vcmppd(some[0], sink, lowest, kNotEqual) : a.vcmpps(some[0], sink, lowest, kNotEqual);
    const Vec masked = weight | some[0] | Xbyak::util::T_z;
    f64 ? a.vmovapd(masked, one) : a.vmovaps(masked, one);
  } else {
    f64 ? a.vcmppd(weight, sink, lowest, kNotEqual) : a.vcmpps(weight, sink, lowest, kNotEqual);
    a.And(weight, weight, one);
  }
}

void EmitSink(Assembler& a, const Xbyak::Xmm& x, const Xbyak::Address& from) {
  EmitFloat(a, x, from);
  const bool f64 = a.compute() == DType::kF64;
  const auto lowest = Lowest(a);
  const auto log2e = a.Const(std::numbers::log2e);
  f64 ? a.vmulsd(x, x, log2e) : a.vmulss(x, x, log2e);
  f64 ? a.vmaxsd(x, x, lowest) : a.vmaxss(x, x, lowest);
}

}  // namespace jitattn::jit
