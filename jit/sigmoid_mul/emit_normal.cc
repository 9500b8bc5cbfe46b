// x · Φ(x) of a group of vectors.

#include "jit/sigmoid_mul/emit_normal.h"

#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "jit/parts/exp_polynomial.h"
#include "jit/sigmoid_mul/normal_polynomial.h"

namespace jitattn::jit {
namespace {

// Every bit but the sign's, in each lane.
Xbyak::Address MagnitudeBits(Assembler& a) {
  std::vector<uint8_t> bytes(a.vec_bytes(), 0xFF);
  for (size_t i = a.elem_bytes() - 1; i < bytes.size(); i += a.elem_bytes()) bytes[i] = 0x7F;
  return a.ptr[a.rip + a.Table(bytes)];
}

}  // namespace

EmitNormal::EmitNormal(Assembler& a, bool small, int in_flight, int constant_registers)
    : a_(a),
      f64_(a.compute() == DType::kF64),
      small_(small),
      scale_bits_(f64_ ? 60 : 24),
      exp_(small  ? std::span<const double>(kExpSmall)
           : f64_ ? std::span<const double>(kExpF64)
                  : kExpF32),
      numerator_(small  ? std::span<const double>(kNormalSmallP)
                 : f64_ ? std::span<const double>(kNormalF64P)
                        : kNormalF32P),
      denominator_(small  ? std::span<const double>(kNormalSmallD)
                   : f64_ ? std::span<const double>(kNormalF64D)
                          : kNormalF32D),
      constants_(a),
      a_abs_(a.pool().LeaseVecs("normal: magnitude", in_flight)),
      square_(a.pool().LeaseVecs("normal: square, reduced argument, numerator", in_flight)),
      power_(a.pool().LeaseVecs("normal: power of two, tail", in_flight)),
      temp_(a.pool().LeaseVecs("normal: polynomial, denominator", in_flight)) {
  if (!small_) exact_ = a.pool().LeaseVecs("normal: exact reduced argument");
  constants_.Declare(kMagnitude, MagnitudeBits(a));
  DeclareReduction();
  DeclarePolynomial(kExp, exp_, 0.5);  // its argument is 2r
  DeclarePolynomial(kNumerator, numerator_, 1);
  DeclarePolynomial(kDenominator, denominator_, 1);
  constants_.Hold(constant_registers);
}

void EmitNormal::DeclareReduction() {
  const double bias = f64_ ? 1023 : 127;
  const double ln2 = std::numbers::ln2;
  const double high = f64_ ? ln2 : static_cast<float>(ln2);
  const double low = f64_ ? 2.319046813846299558e-17 : ln2 - high;
  // k of the largest a is −(bias + scale bits): the bits of 2^k/s are those of 0.
  constants_.Declare(kLargest, std::sqrt(2 * ln2 * (bias + scale_bits_)));
  // 1.5·2^(mantissa bits): adding it leaves k, and the exponent's bias, in the low bits.
  constants_.Declare(kMagic, (f64_ ? 0x1.8p52 : 0x1.8p23) + bias + scale_bits_);
  constants_.Declare(kLog2e, -std::numbers::log2e / 2);
  constants_.Declare(kLn2High, 2 * high);
  if (!small_) constants_.Declare(kLn2Low, 2 * low);
  constants_.Declare(kScale, std::ldexp(1, -scale_bits_));
}

void EmitNormal::DeclarePolynomial(int name, std::span<const double> coefficients,
                                   double argument_scale) {
  double scale = 1;
  for (size_t i = 0; i < coefficients.size(); ++i, scale *= argument_scale)
    constants_.Declare(name + static_cast<int>(i), coefficients[i] * scale);
}

void EmitNormal::Horner(std::span<const Vec> to, std::span<const Vec> x, int name, int top,
                        int count) {
  for (int i = 0; i < count; ++i) a_.vmovaps(to[i], constants_[name + top]);
  for (int k = top - 1; k >= 0; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(to[i], x[i], constants_[name + k]);
}

// Leaves a in a_abs_, 2r in square_, and k in the low bits of power_.
void EmitNormal::Reduce(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  for (int i = 0; i < count; ++i) a_.And(a_abs_[i], x[i], constants_[kMagnitude]);
  for (int i = 0; i < count; ++i) a_.Min(a_abs_[i], a_abs_[i], constants_[kLargest]);
  for (int i = 0; i < count; ++i) a_.Mul(square_[i], a_abs_[i], a_abs_[i]);
  for (int i = 0; i < count; ++i) a_.vmovaps(power_[i], constants_[kMagic]);
  for (int i = 0; i < count; ++i) a_.Fma231(power_[i], square_[i], constants_[kLog2e]);
  for (int i = 0; i < count; ++i) a_.Sub(temp_[i], power_[i], constants_[kMagic]);
  if (small_) {
    for (int i = 0; i < count; ++i) a_.Fma231(square_[i], temp_[i], constants_[kLn2High]);
    return;
  }
  for (int i = 0; i < count; ++i) {
    a_.vmovaps(exact_[0], square_[i]);
    a_.Fma231(exact_[0], temp_[i], constants_[kLn2High]);
    a_.Fma231(exact_[0], temp_[i], constants_[kLn2Low]);
    a_.Fnma231(square_[i], a_abs_[i], a_abs_[i]);  // what rounding added to the square
    a_.Sub(square_[i], exact_[0], square_[i]);
  }
}

void EmitNormal::Emit(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const auto top = [](std::span<const double> c) { return static_cast<int>(c.size()) - 1; };
  const std::span<const Vec> a = a_abs_.regs(), square = square_.regs(), temp = temp_.regs();
  Reduce(x);
  for (int i = 0; i < count; ++i) a_.ShiftLeft(power_[i], power_[i], f64_ ? 52 : 23);
  Horner(temp, square, kExp, top(exp_), count);
  for (int i = 0; i < count; ++i) a_.Mul(power_[i], power_[i], temp_[i]);
  for (int i = 0; i < count; ++i) a_.Mul(power_[i], power_[i], a_abs_[i]);
  Horner(square, a, kNumerator, top(numerator_), count);
  Horner(temp, a, kDenominator, top(denominator_), count);
  for (int i = 0; i < count; ++i) a_.Mul(power_[i], power_[i], square_[i]);
  for (int i = 0; i < count; ++i) a_.Div(power_[i], power_[i], temp_[i]);
  // The maximum keeps NaN and the sign of −0.
  for (int i = 0; i < count; ++i) a_.Zero(temp_[i]);
  for (int i = 0; i < count; ++i) a_.Max(x[i], temp_[i], x[i]);
  for (int i = 0; i < count; ++i) a_.Fnma231(x[i], power_[i], constants_[kScale]);
}

}  // namespace jitattn::jit
