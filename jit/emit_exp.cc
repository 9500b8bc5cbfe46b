// 2^x and e^x of a group of vectors.

#include "jit/emit_exp.h"

#include <numbers>

namespace jitattn::jit {
namespace {

using Xbyak::Operand;

// Minimax in relative error with the constant term pinned at 1 (so that b^0 = 1 exactly), by Remez
// exchange in 60 digits: min over c of max |(1 + Σ c_k r^k) / b^r − 1| on |r| ≤ ½·log_b 2.
//   2^r, degree 5: 9.1e-8
constexpr double kExp2F32[] = {1,
                               0.69314697759899203815,
                               0.2402224208537670947,
                               0.055507337434700852738,
                               0.0096715126399564551514,
                               0.001326472714007201332};
//   2^r, degree 11: 3.4e-18 (degree 10 has 2.2e-16, one whole ulp)
constexpr double kExp2F64[] = {1,
                               0.69314718055994532581,
                               0.2402265069591013126,
                               0.055504108664820083226,
                               0.0096181291075941201778,
                               0.0013333558146774621709,
                               0.00015403530457111993074,
                               0.000015252733493125612461,
                               1.3215435282349182809e-6,
                               1.0178199572819406951e-7,
                               7.0737832428295740979e-9,
                               4.4347711353146017671e-10};
//   e^r, degree 6: 2.0e-9
constexpr double kExpF32[] = {1,
                              1.000000032164621736,
                              0.49999994208798399127,
                              0.16666431264253118821,
                              0.041668002124560496549,
                              0.008374155211689294001,
                              0.0013843647892058979015};
//   e^r, degree 11: 3.4e-18
constexpr double kExpF64[] = {1,
                              1.0000000000000000236,
                              0.50000000000000124937,
                              0.16666666666666217232,
                              0.041666666666517828884,
                              0.0083333333335496911136,
                              0.0013888888946352612294,
                              0.00019841269436796125522,
                              0.00002480149063658374687,
                              2.7557626699066703444e-6,
                              2.7631034011706132472e-7,
                              2.4991431937391817348e-8};

std::span<const double> Polynomial(ExpOptions::Base base, DType type) {
  if (type == DType::kF64) return base == ExpOptions::kTwo ? std::span(kExp2F64) : kExpF64;
  return base == ExpOptions::kTwo ? std::span<const double>(kExp2F32) : kExpF32;
}

constexpr int kNotLess = 21;  // predicate NLT_UQ: true for NaN

}  // namespace

int EmitExp::VecsNeeded(const ExpOptions& options) {
  return 2 * options.in_flight + options.constant_registers;
}

EmitExp::EmitExp(Assembler& a, const ExpOptions& options)
    : a_(a),
      options_(options),
      poly_(Polynomial(options.base, a.compute())),
      n_(a.pool().LeaseVecs("exp: 2^n", options.in_flight)),
      p_(a.pool().LeaseVecs("exp: polynomial", options.in_flight)),
      constant_regs_(a.pool().LeaseVecs("exp: constants", options.constant_registers)) {
  const bool f64 = a.compute() == DType::kF64;
  const bool natural = options.base == ExpOptions::kE;
  const double ln2 = std::numbers::ln2;
  const int top = static_cast<int>(poly_.size()) - 1;
  if (!a.avx512()) {
    // Clamped here the scale 2^n is 0: one below the exponent of the smallest normal number.
    const double lowest = f64 ? -1023 : -127;
    Declare(kLowest, natural ? lowest * ln2 : lowest);
  } else if (natural) {
    Declare(kLowest, f64 ? -746 : -104);  // rounds to 0, and keeps r small in the polynomial
  } else if (options.flush) {
    Declare(kLowest, f64 ? -1022 : -126);  // logarithm of the smallest normal number
  }
  // 1.5·2^(mantissa bits): adding it leaves round(t) in the low bits; with the exponent's bias on
  // top, those bits shifted up are the number 2^n.
  if (!a.avx512()) Declare(kMagic, f64 ? 0x1.8p52 + 1023 : 0x1.8p23 + 127);
  if (natural) {
    Declare(kLog2e, std::numbers::log2e);
    // ln 2 in two parts. x − n·high is exact in an FMA: the difference is a multiple of high's last
    // place and smaller than ½.
    const double high = f64 ? ln2 : static_cast<float>(ln2);
    Declare(kLn2High, high);
    Declare(kLn2Low, f64 ? 2.319046813846299558e-17 : ln2 - high);
  }
  Declare(kTop, poly_[top]);
  for (int i = 0; i < top; ++i) Declare(kPoly + i, poly_[i]);

  int next = 0;
  for (const auto& [name, address] : memory_) {
    if (next < constant_regs_.size()) held_.emplace(name, constant_regs_[next++]);
  }
}

void EmitExp::Declare(int name, double value) { memory_.emplace(name, a_.Const(value)); }

const Operand& EmitExp::Get(int name) const {
  const auto it = held_.find(name);
  if (it != held_.end()) return it->second;
  return memory_.at(name);
}

void EmitExp::LoadConstants() {
  for (const auto& [name, reg] : held_) a_.LoadVec(reg, memory_.at(name));
}

void EmitExp::Emit(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  a_.avx512() ? ReduceAvx512(x) : ReduceAvx2(x);
  for (int i = 0; i < count; ++i) a_.vmovaps(p_[i], Get(kTop));
  for (int k = static_cast<int>(poly_.size()) - 2; k >= 0; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(p_[i], x[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) {
    if (!a_.avx512()) {
      a_.Mul(x[i], p_[i], n_[i]);
      continue;
    }
    const Vec dst = options_.flush ? x[i] | normal_[i] | Xbyak::util::T_z : x[i];
    a_.compute() == DType::kF64 ? a_.vscalefpd(dst, p_[i], n_[i]) : a_.vscalefps(dst, p_[i], n_[i]);
  }
}

// x ← max(lowest, x), in this order of operands, which keeps a NaN in x.
void EmitExp::Clamp(std::span<const Vec> x) {
  const auto lowest = held_.find(kLowest);
  for (size_t i = 0; i < x.size(); ++i) {
    if (lowest == held_.end()) a_.LoadVec(p_[i], memory_.at(kLowest));
    a_.Max(x[i], lowest == held_.end() ? p_[i] : lowest->second, x[i]);
  }
}

// r ends in x, n as a floating-point number in n_. At x = −∞, 2^r is NaN and vscalef(NaN, −∞) is 0.
void EmitExp::ReduceAvx512(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const bool f64 = a_.compute() == DType::kF64;
  if (options_.flush) {
    if (normal_.size() == 0) normal_ = a_.pool().LeaseMasks("exp: normal", options_.in_flight);
    for (int i = 0; i < count; ++i) {
      f64 ? a_.vcmppd(normal_[i], x[i], Get(kLowest), kNotLess)
          : a_.vcmpps(normal_[i], x[i], Get(kLowest), kNotLess);
    }
  }
  if (options_.base == ExpOptions::kTwo) {
    for (int i = 0; i < count; ++i) a_.Round(n_[i], x[i]);
    for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], n_[i]);
    return;
  }
  Clamp(x);
  for (int i = 0; i < count; ++i) a_.Mul(n_[i], x[i], Get(kLog2e));
  for (int i = 0; i < count; ++i) a_.Round(n_[i], n_[i]);
  for (int i = 0; i < count; ++i) a_.Fnma231(x[i], n_[i], Get(kLn2High));
  for (int i = 0; i < count; ++i) a_.Fnma231(x[i], n_[i], Get(kLn2Low));
}

// r ends in x, the bits of 2^n in n_. No vscalef here: n comes out of the magic addition both as a
// number and as an exponent.
void EmitExp::ReduceAvx2(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  Clamp(x);
  const bool natural = options_.base == ExpOptions::kE;
  if (natural) {
    for (int i = 0; i < count; ++i) a_.Mul(n_[i], x[i], Get(kLog2e));
  }
  for (int i = 0; i < count; ++i) a_.Add(n_[i], natural ? n_[i] : x[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(p_[i], n_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) {
    if (natural) {
      a_.Fnma231(x[i], p_[i], Get(kLn2High));
      a_.Fnma231(x[i], p_[i], Get(kLn2Low));
    } else {
      a_.Sub(x[i], x[i], p_[i]);
    }
  }
  for (int i = 0; i < count; ++i)
    a_.ShiftLeft(n_[i], n_[i], a_.compute() == DType::kF64 ? 52 : 23);
}

}  // namespace jitattn::jit
