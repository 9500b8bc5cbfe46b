// f(x) of a group of vectors.

#include "jit/sigmoid_mul/emit_activation.h"

#include <algorithm>

namespace jitattn::jit {
namespace {

// t = x·(linear + cubic·x²) of GELU by tanh.
constexpr long double kLinearFactor = 1.59576912160573071175978423753972747L;  // 2·√(2/π)
constexpr long double kCubicFactor = 0.044715L * kLinearFactor;

}  // namespace

int EmitActivation::VecsNeeded(const SigmoidMulSpec& spec, const SigmoidMulConfig& config) {
  const bool small = SizeOf(spec.out_dtype()) == 2;
  if (spec.activation == Activation::kGelu) return EmitNormal::VecsNeeded(config.vecs, small);
  if (!HasSigmoid(spec.activation)) return config.vecs;
  const int excess = IsCorrected(spec) ? config.vecs : 0;
  const bool shares = IsCorrected(spec) && spec.activation == Activation::kGeluTanh;
  return EmitSigmoid::VecsNeeded(config.vecs, config.table, config.isa, spec.out_dtype()) + excess +
         (shares ? 1 : 0);
}

EmitActivation::EmitActivation(Assembler& a, const SigmoidMulSpec& spec,
                               const SigmoidMulConfig& config, const RunValues& values,
                               int reserved_vecs)
    : a_(a), spec_(spec), values_(values), constants_(a) {
  const int constants = a.pool().free_vecs() - VecsNeeded(spec, config) - reserved_vecs;
  if (spec.activation == Activation::kGelu) {
    normal_.emplace(a, SizeOf(spec.out_dtype()) == 2, config.vecs, constants);
    return;
  }
  if (IsCorrected(spec)) {
    excess_ = a.pool().LeaseVecs("second part of the argument", config.vecs);
    if (spec.activation == Activation::kGeluTanh) {
      shared_ = a.pool().LeaseVecs("error of a factor");
    }
  }
  if (HasSigmoid(spec.activation)) {
    sigmoid_.emplace(a, SigmoidOptions{.storage = spec.out_dtype(),
                                       .table = config.table,
                                       .reciprocal = config.reciprocal != 0,
                                       .in_flight = config.vecs,
                                       .constant_registers = constants});
  } else {
    temp_ = a.pool().LeaseVecs("temporary", config.vecs);
  }
  DeclareArgument();
  constants_.Hold(std::min(constants, a.pool().free_vecs() - reserved_vecs));
}

void EmitActivation::DeclareArgument() {
  const bool f64 = a_.compute() == DType::kF64;
  if (spec_.activation == Activation::kGeluTanh) {
    // The linear factor's upper part has so few bits that its difference from a sum of both terms
    // is exact.
    const double linear = f64 ? 0x1.9884533d4368p+0 : 0x1.98848p+0;
    const double cubic = f64 ? static_cast<double>(kCubicFactor) : static_cast<float>(kCubicFactor);
    const bool split = IsCorrected(spec_);
    constants_.Declare(kLinear, split ? linear : static_cast<double>(kLinearFactor));
    constants_.Declare(kCubic, cubic);
    if (split) {
      constants_.Declare(kLinearLow, static_cast<double>(kLinearFactor - linear));
      constants_.Declare(kCubicLow, static_cast<double>(kCubicFactor - cubic));
    }
    // There |t| is 317 (f64: 2387), beyond the range of the exponential.
    constants_.Declare(kMostX, f64 ? 32 : 16);
    constants_.Declare(kLeastX, f64 ? -32 : -16);
  } else if (spec_.activation == Activation::kHardSwish) {
    constants_.Declare(kLeastX, -3);
    constants_.Declare(kThree, 3);
    constants_.Declare(kSix, 6);
    constants_.Declare(kSixth, 1.0 / 6);  // as rounded, its sixfold is rounded to 1
  }
}

void EmitActivation::LoadConstants() {
  if (sigmoid_) sigmoid_->LoadConstants();
  if (normal_) normal_->LoadConstants();
  constants_.Load();
}

const Vec& EmitActivation::scratch() const {
  if (sigmoid_) return sigmoid_->spare()[0];
  return normal_ ? normal_->scratch() : temp_[0];
}

void EmitActivation::Emit(std::span<const Vec> x) {
  switch (spec_.activation) {
    case Activation::kSilu:
      return sigmoid_->Emit(x);
    case Activation::kQuickGelu:
      QuickArgument(x);
      return sigmoid_->Emit(x, sigmoid_->argument(), excess_.regs());
    case Activation::kGeluTanh:
      TanhArgument(x);
      return sigmoid_->Emit(x, sigmoid_->argument(), excess_.regs());
    case Activation::kGelu:
      return normal_->Emit(x);
    case Activation::kRelu2:
      return Relu2(x);
    case Activation::kHardSwish:
      return HardSwish(x);
  }
}

// A finite x keeps the quotient x/(1 + e^−t) from being ∞/∞, and a bounded one keeps the second
// part of t small. NaN stays in x, and becomes a bound in the spare registers.
void EmitActivation::Bound(std::span<const Vec> x, const Xbyak::Operand& least,
                           const Xbyak::Operand& most) {
  const std::span<const Vec> bounded = sigmoid_->spare();
  for (size_t i = 0; i < x.size(); ++i) {
    a_.vmovups(bounded[i], least);  // the stack frame has no alignment
    a_.Max(x[i], bounded[i], x[i]);
    a_.Min(bounded[i], x[i], most);
  }
}

void EmitActivation::QuickArgument(std::span<const Vec> x) {
  const std::span<const Vec> bounded = sigmoid_->spare(), t = sigmoid_->argument();
  const Xbyak::Address alpha = values_[RunValues::kAlpha];
  Bound(x, values_[RunValues::kLeastX], values_[RunValues::kMostX]);
  for (size_t i = 0; i < x.size(); ++i) a_.Mul(t[i], bounded[i], alpha);
  if (!IsCorrected(spec_)) return;
  for (size_t i = 0; i < x.size(); ++i) {
    const Vec& excess = excess_[static_cast<int>(i)];
    a_.vmovaps(excess, t[i]);
    a_.Fnma231(excess, bounded[i], alpha);
    if (a_.compute() == DType::kF64) continue;  // alpha is exact
    a_.Fma231(excess, bounded[i], values_[RunValues::kAlphaExcess]);
  }
}

// t = x·q, q = linear + cubic·x².
void EmitActivation::TanhArgument(std::span<const Vec> x) {
  const std::span<const Vec> bounded = sigmoid_->spare(), q = sigmoid_->more_spare();
  const std::span<const Vec> square = sigmoid_->argument(), &t = square;
  const size_t count = x.size();
  Bound(x, constants_[kLeastX], constants_[kMostX]);
  for (size_t i = 0; i < count; ++i) a_.Mul(square[i], bounded[i], bounded[i]);
  for (size_t i = 0; i < count; ++i) a_.vmovaps(q[i], constants_[kLinear]);
  for (size_t i = 0; i < count; ++i) a_.Fma231(q[i], square[i], constants_[kCubic]);
  for (size_t i = 0; i < count; ++i) {
    if (IsCorrected(spec_)) {
      TanhExcess(static_cast<int>(i));
    } else {
      a_.Mul(t[i], bounded[i], q[i]);
    }
  }
}

// Follows the rounding errors of the square, of q, and of t, and replaces the square by t.
void EmitActivation::TanhExcess(int i) {
  const Vec &x = sigmoid_->spare()[i], &q = sigmoid_->more_spare()[i];
  const Vec &square = sigmoid_->argument()[i], &t = square;
  const Vec &excess = excess_[i], &of_q = shared_;
  a_.vmovaps(excess, square);
  a_.Fnma231(excess, x, x);
  a_.Sub(of_q, q, constants_[kLinear]);
  a_.Fnma231(of_q, square, constants_[kCubic]);
  a_.Fma231(of_q, excess, constants_[kCubic]);
  a_.Fnma231(of_q, square, constants_[kCubicLow]);
  a_.Sub(of_q, of_q, constants_[kLinearLow]);
  a_.Mul(t, x, q);
  a_.vmovaps(excess, t);
  a_.Fnma231(excess, x, q);
  a_.Fma231(excess, x, of_q);
}

// The maximum keeps NaN.
void EmitActivation::Relu2(std::span<const Vec> x) {
  for (size_t i = 0; i < x.size(); ++i) a_.Zero(temp_[static_cast<int>(i)]);
  for (size_t i = 0; i < x.size(); ++i) a_.Max(x[i], temp_[static_cast<int>(i)], x[i]);
  for (size_t i = 0; i < x.size(); ++i) a_.Mul(x[i], x[i], x[i]);
}

// With x at least −3, x + 3 needs no lower bound, and −∞ gives −0.
void EmitActivation::HardSwish(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  for (int i = 0; i < count; ++i) a_.vmovaps(temp_[i], constants_[kLeastX]);
  for (int i = 0; i < count; ++i) a_.Max(x[i], temp_[i], x[i]);
  for (int i = 0; i < count; ++i) a_.Add(temp_[i], x[i], constants_[kThree]);
  for (int i = 0; i < count; ++i) a_.Min(temp_[i], temp_[i], constants_[kSix]);
  for (int i = 0; i < count; ++i) a_.Mul(temp_[i], temp_[i], constants_[kSixth]);
  for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], temp_[i]);
}

}  // namespace jitattn::jit
