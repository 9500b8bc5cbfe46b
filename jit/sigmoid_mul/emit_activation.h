// f(x) of a group of vectors, for each activation f.

#ifndef JITATTN_JIT_SIGMOID_MUL_EMIT_ACTIVATION_H_
#define JITATTN_JIT_SIGMOID_MUL_EMIT_ACTIVATION_H_

#include <optional>
#include <span>

#include "jit/assembler.h"
#include "jit/parts/constant_set.h"
#include "jit/sigmoid_mul/config.h"
#include "jit/sigmoid_mul/emit_normal.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"
#include "jit/sigmoid_mul/run_values.h"

namespace jitattn::jit {

// Errors before the result is rounded to a 16-bit type, or of an f32 or f64 result:
//   kSilu                    emit_sigmoid.h
//   kQuickGelu, kGeluTanh    as kSilu, at the sigmoid's argument t. For f32 and f64 its second part
//                            is computed too: emit_sigmoid.h says why.
//   kGelu                    emit_normal.h
//   kRelu2                   ½ ulp
//   kHardSwish               2.5 ulp
// NaN gives NaN, +∞ gives +∞. −∞ gives 0, but NaN for kSilu.
class EmitActivation {
 public:
  // Whether the exponential is EmitSigmoid's, which has the fields `table` and `reciprocal`.
  static constexpr bool HasSigmoid(Activation activation) {
    return activation == Activation::kSilu || activation == Activation::kQuickGelu ||
           activation == Activation::kGeluTanh;
  }
  // Vector registers besides those for constants.
  static int VecsNeeded(const SigmoidMulSpec& spec, const SigmoidMulConfig& config);

  // Leases all free vector registers but `reserved_vecs` for constants, if it has so many.
  EmitActivation(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config,
                 const RunValues& values, int reserved_vecs);

  // Loads the constants that live in registers; called once, before the loop.
  void LoadConstants();

  // x ← f(x) in place. REQUIRES: x.size() ≤ vecs.
  void Emit(std::span<const Vec> x);

  // A register that is free between calls.
  const Vec& scratch() const;

 private:
  enum Name { kMostX, kLeastX, kCubic, kLinear, kCubicLow, kLinearLow, kThree, kSix, kSixth };

  // Whether the sigmoid's argument has a second part.
  static bool IsCorrected(const SigmoidMulSpec& spec) {
    return spec.activation != Activation::kSilu && HasSigmoid(spec.activation) &&
           SizeOf(spec.out_dtype()) > 2;
  }
  void DeclareArgument();
  // Leaves x within the bounds in the sigmoid's spare registers, and x above the lower one.
  void Bound(std::span<const Vec> x, const Xbyak::Operand& least, const Xbyak::Operand& most);
  void QuickArgument(std::span<const Vec> x);
  void TanhArgument(std::span<const Vec> x);
  void TanhExcess(int i);
  void Relu2(std::span<const Vec> x);
  void HardSwish(std::span<const Vec> x);

  Assembler& a_;
  const SigmoidMulSpec spec_;
  const RunValues& values_;
  std::optional<EmitSigmoid> sigmoid_;
  std::optional<EmitNormal> normal_;
  ConstantSet constants_;
  // The second part of the sigmoid's argument, one a vector, and a register shared by all in turn.
  Vecs excess_, shared_;
  Vecs temp_;  // of the activations without an exponential, one a vector
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_EMIT_ACTIVATION_H_
