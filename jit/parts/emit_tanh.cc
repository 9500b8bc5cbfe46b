// tanh x of a vector.

#include "jit/parts/emit_tanh.h"

#include <numbers>

namespace jitattn::jit {
namespace {

// Minimax in relative error of x·P(x²)/Q(x²) on |x| ≤ 8.9, Q's constant term 1, by Lawson's
// iteration on the linearised problem. Beyond, tanh rounds to ±1 in float. Constant term first.
constexpr double kClampF32 = 8.9;
constexpr double kNumerator[] = {0.9999999815377439, 0.1338752834922292, 0.0035033210422493882,
                                 2.073691200416698e-05, 1.35333753516577e-08};
constexpr double kDenominator[] = {1, 0.4672084561874529, 0.025906373789182608,
                                   0.00032983034060751906, 7.84933677541854e-07};

// (2^r − 1)/r on |r| ≤ ½, relative error 3.3e-17, by Sollya:
//   fpminimax(expm1(x·log(2))/x, 11, [|53...|], [−0.5; 0.5], floating, relative)
// Beyond |x| = 20, tanh rounds to ±1 in double.
constexpr double kClampF64 = 20;
constexpr double kExpMinusOne[] = {
    0.69314718055994528623,     0.24022650695910069407,    0.055504108664823477437,
    0.0096181291076298820048,   0.001333355814599060775,   0.00015403530390282544261,
    0.000015252734223271972348, 1.3215489605922624943e-6,  1.0177904317098737711e-7,
    7.0537849167632906664e-9,   4.4780742566157055832e-10, 2.7340957390033752729e-11};

}  // namespace

void EmitTanh::Emit(const Vec& x) { a_.compute() == DType::kF64 ? EmitByExp(x) : EmitRational(x); }

void EmitTanh::Clamp(const Vec& x, double limit) {
  const Vec& bound = temps_[0];
  a_.LoadVec(bound, a_.Const(-limit));
  a_.Max(x, bound, x);
  a_.LoadVec(bound, a_.Const(limit));
  a_.Min(x, bound, x);
}

void EmitTanh::Polynomial(const Vec& sum, const Vec& z, std::span<const double> c) {
  a_.LoadVec(sum, a_.Const(c.back()));
  for (size_t i = c.size() - 1; i-- > 0;) a_.Fma213(sum, z, a_.Const(c[i]));
}

void EmitTanh::EmitRational(const Vec& x) {
  const Vec &square = temps_[0], &numerator = temps_[1], &denominator = temps_[2];
  Clamp(x, kClampF32);
  a_.Mul(square, x, x);
  Polynomial(numerator, square, kNumerator);
  Polynomial(denominator, square, kDenominator);
  a_.Mul(x, x, numerator);
  a_.Div(x, x, denominator);
}

void EmitTanh::EmitByExp(const Vec& x) {
  // Adding the magic number leaves k in the low bits, with the exponent's bias added to k.
  const double magic = 0x1.8p52 + 1023;
  const Vec &power = temps_[0], &p = temps_[1], &k = temps_[2];
  Clamp(x, kClampF64);
  a_.Mul(x, x, a_.Const(2 * std::numbers::log2e));
  a_.Add(power, x, a_.Const(magic));
  a_.Sub(k, power, a_.Const(magic));
  a_.Sub(x, x, k);
  a_.ShiftLeft(power, power, 52);
  Polynomial(p, x, kExpMinusOne);
  a_.Mul(x, x, p);
  a_.Sub(p, power, a_.Const(1));
  a_.Fma213(x, power, p);  // e − 1
  a_.Add(p, x, a_.Const(2));
  a_.Div(x, x, p);
}

}  // namespace jitattn::jit
