// x · sigmoid(x) of a group of vectors.

#include "jit/sigmoid_mul/emit_sigmoid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "jit/parts/exp_polynomial.h"

namespace jitattn::jit {
namespace {

using Xbyak::Operand;

// The tables hold κ·2^(j/S), and the polynomial is divided by κ, for two reasons.
//   p/κ < 1 is rounded in steps half as large as above 1. Hence κ > 2^(1/2S), the largest p; and
//     κ < 2^(1/S), so that every entry is below 2 and all share one exponent.
//   The entries are close to numbers of the type: κ is the best of some twenty million random ones
//     in that range. Rounding an entry costs 0.27 (f32, 16), 0.05 (f32, 8), 0.06 (f64, 8) and 0.34
//     (f64, 16) of half an ulp; an arbitrary κ would cost nearly all of it.
// Without either measure the sum of all roundings would exceed 2.5 ulp.
struct ScaledPolynomial {
  std::span<const double> coefficients;
  double kappa;
};
constexpr ScaledPolynomial kTableF32Sixteenths = {kExpF32Sixteenths, 0x1.084921cd8p+0};
constexpr ScaledPolynomial kTableF32Eighths = {kExpF32Eighths, 0x1.16747bf59p+0};
constexpr ScaledPolynomial kTableF64Eighths = {kExpF64Eighths, 0x1.10019cafdf9cp+0};
constexpr ScaledPolynomial kTableF64Sixteenths = {kExpF64Sixteenths, 0x1.0a3e15945bb78p+0};
constexpr ScaledPolynomial kTableSmallSixteenths = {kExpSmallSixteenths, 1};
constexpr ScaledPolynomial kTableSmallEighths = {kExpSmallEighths, 1};

// The coefficients of p(r + offset), by repeated Horner schemes.
std::vector<double> Shifted(std::span<const double> coefficients, double offset) {
  std::vector<double> c(coefficients.begin(), coefficients.end());
  for (size_t first = 0; first + 1 < c.size(); ++first)
    for (size_t i = c.size() - 1; i-- > first;) c[i] += offset * c[i + 1];
  return c;
}

ScaledPolynomial PolynomialOf(const SigmoidOptions& options, bool f64, bool avx512,
                              int scale_bits) {
  const bool small = SizeOf(options.storage) == 2, wide = options.table == PowerTable::kWide;
  if (options.table == PowerTable::kNone) {
    if (small) return {kExpSmall, 1};
    return {f64 ? std::span<const double>(kExpF64) : kExpF32, 1};
  }
  if (small && wide) {
    // The 14-bit reciprocal uses up f16's error margin, so the polynomial must be more exact.
    const bool four = options.storage == DType::kF16 && options.reciprocal;
    return {four ? std::span<const double>(kExp2SmallFour) : kExp2SmallThree,
            std::ldexp(1, scale_bits)};
  }
  if (small) return avx512 ? kTableSmallSixteenths : kTableSmallEighths;
  if (f64) return wide ? kTableF64Sixteenths : kTableF64Eighths;
  return avx512 ? kTableF32Sixteenths : kTableF32Eighths;
}

constexpr int kLowExponent = 29;  // see the header

constexpr int kNotEqual = 12;  // predicate NEQ_OQ: false for NaN
constexpr int kFraction = 9;   // vreduce: x − ⌊x⌋ without the inexact exception; 0 for ±∞
constexpr int kSmallerMagnitude = 2;  // vrange: the smaller magnitude, with the first's sign

}  // namespace

EmitSigmoid::EmitSigmoid(Assembler& a, const SigmoidOptions& options)
    : a_(a),
      options_(options),
      f64_(a.compute() == DType::kF64),
      small_(SizeOf(options.storage) == 2),
      scale_bits_(options.storage == DType::kBF16 ? 24 : 0),
      r_(a.pool().LeaseVecs("sigmoid: reduced argument", options.in_flight)),
      power_(a.pool().LeaseVecs("sigmoid: power of two, denominator", options.in_flight)),
      temp_(a.pool().LeaseVecs("sigmoid: polynomial", options.in_flight)) {
  if (by_adders()) low_ = a.pool().LeaseVecs("sigmoid: low part of r");
  if (by_halves()) low_ = a.pool().LeaseVecs("sigmoid: lower half of a power");
  if (two_registers()) first_half_ = a.pool().LeaseVecs("sigmoid: first half of the table");
  if (options.reciprocal && !small_) {
    inexact_ = a.pool().LeaseMasks("sigmoid: remainder to correct");
  }
  const ScaledPolynomial poly = PolynomialOf(options, f64_, a.avx512(), scale_bits_);
  if (options.table != PowerTable::kNone && !by_parts()) DeclareTable(poly.kappa);
  const double offset = DeclareReduction();
  if (options.reciprocal && !small_) Declare(kZero, 0);
  const std::vector<double> shifted = Shifted(poly.coefficients, offset);
  top_ = static_cast<int>(shifted.size()) - 1;
  Declare(kTop, shifted[top_] / poly.kappa);
  for (int i = 0; i < top_; ++i) Declare(kPoly + i, shifted[i] / poly.kappa);

  constant_regs_ = a.pool().LeaseVecs("sigmoid: constants",
                                      std::min<int>(options.constant_registers, memory_.size()));
  int next = 0;
  for (const auto& [name, address] : memory_) {
    if (next < constant_regs_.size()) held_.emplace(name, constant_regs_[next++]);
  }
}

// Declares the table of powers of two: in one register, by halves, or in two registers.
void EmitSigmoid::DeclareTable(double kappa) {
  table_bits_ = std::countr_zero(static_cast<unsigned>(a_.lanes()));  // one entry per lane
  if (two_registers() || by_halves()) ++table_bits_;
  const std::vector<uint64_t> powers = PowerTable(kappa);
  // The bits of the entries from `first` on, enough to fill a vector.
  const auto table = [&](int first, int shift, int bytes) {
    std::vector<uint8_t> line(a_.vec_bytes());
    for (int i = 0; i < a_.vec_bytes() / bytes; ++i) {
      const uint64_t bits = powers[first + i] >> shift;
      std::memcpy(&line[i * bytes], &bits, bytes);
    }
    return a_.ptr[a_.rip + a_.Table(line)];
  };
  if (by_halves()) {
    memory_.emplace(kTable, table(0, 32, 4));
    memory_.emplace(kTableLow, table(0, 0, 4));
  } else {
    memory_.emplace(kTable, table(two_registers() ? a_.lanes() : 0, 0, a_.elem_bytes()));
    if (two_registers()) first_half_memory_ = table(0, 0, a_.elem_bytes());
  }
}

// Declares the constants of the reduction of x to r. Returns the polynomial's argument minus r.
double EmitSigmoid::DeclareReduction() {
  // ln 2 in two parts. t + k·high is exact in an FMA: the sum is a multiple of high's last place
  // and below ½. With the high part alone the error would be 2.4e-7 at x = −87, four ulp.
  const double high = f64_ ? std::numbers::ln2 : static_cast<float>(std::numbers::ln2);
  const double low = f64_ ? 2.319046813846299558e-17 : std::numbers::ln2 - high;
  const double steps = 1 << table_bits_;
  Declare(kOne, std::ldexp(1, -scale_bits_));
  if (by_parts()) {
    Declare(kLog2e, -std::numbers::log2e);
  } else if (by_adders()) {
    constexpr double kMagicSteps = 0x1.8p23;
    Declare(kMagic, kMagicSteps / steps);
    Declare(kLog2e, -std::numbers::log2e);
    Declare(kLn2High, high);
    // The bits of this float are 29 in the place of an exponent.
    Declare(kLn2Low, std::bit_cast<float>(kLowExponent << 23));
    // Beyond this bound k would be inexact; e^−x is 0 or +∞ long before.
    Declare(kHighest, 0x1p16);
    return std::ldexp(kMagicSteps / steps, -kLowExponent);
  } else {
    const double bias = f64_ ? 1023 : 127;
    // 1.5·2^(mantissa bits): adding it leaves k in the low bits. Without a table the exponent's
    // bias is added, so that these bits shifted up are 2^k; table entries contain the bias already.
    const double magic = (f64_ ? 0x1.8p52 : 0x1.8p23) +
                         (options_.table != PowerTable::kNone ? 0 : bias - scale_bits_);
    Declare(kMagic, magic);
    Declare(kLog2e, -steps * std::numbers::log2e);
    Declare(kLn2High, high / steps);
    if (!small_) Declare(kLn2Low, low / steps);
    // k ≥ −(bias − 1)·S keeps the power, also scaled by s, a normal number.
    Declare(kHighest, (bias - 1 - scale_bits_) * std::numbers::ln2);
    // The largest table entry times 2^bias; without a table 2^(bias + 1), whose bits are +∞.
    const double most = bias + scale_bits_;
    Declare(kMost,
            magic + (options_.table != PowerTable::kNone ? most * steps + steps - 1 : most + 1));
  }
  return 0;
}

// Entry j: the bits of s·κ·2^(j/S). If k is added to entries, minus j << shift: k shifted to the
// top of the mantissa carries its own low bits j along, so entry + (k << shift) =
// s·κ·2^(j/S)·2^⌊k/S⌋.
std::vector<uint64_t> EmitSigmoid::PowerTable(double kappa) const {
  std::vector<uint64_t> entries;
  for (int j = 0; j < 1 << table_bits_; ++j) {
    // Computed in long double, so that only the entry is rounded.
    const long double power =
        kappa * std::exp2(std::ldexp(static_cast<long double>(j), -table_bits_) - scale_bits_);
    const uint64_t bits = f64_ ? std::bit_cast<uint64_t>(static_cast<double>(power))
                               : std::bit_cast<uint32_t>(static_cast<float>(power));
    const uint64_t less =
        by_adders() ? 0 : static_cast<uint64_t>(j) << ((f64_ ? 52 : 23) - table_bits_);
    entries.push_back(bits - less);
  }
  return entries;
}

const Operand& EmitSigmoid::Get(int name) const {
  const auto it = held_.find(name);
  if (it != held_.end()) return it->second;
  return memory_.at(name);
}

void EmitSigmoid::LoadConstants() {
  for (const auto& [name, reg] : held_) a_.LoadVec(reg, memory_.at(name));
  if (two_registers()) a_.LoadVec(first_half_[0], *first_half_memory_);
}

void EmitSigmoid::Emit(std::span<const Vec> x, std::span<const Vec> t,
                       std::span<const Vec> excess) {
  const int count = static_cast<int>(x.size());
  if (by_parts()) {
    DenominatorByParts(t.first(count));
  } else {
    by_adders() ? ReduceByAdders(t.first(count)) : Reduce(t.first(count));
    if (!excess.empty())
      for (int i = 0; i < count; ++i) a_.Sub(r_[i], r_[i], excess[i]);
    Power(count);
    Denominator(count);
  }
  options_.reciprocal ? MultiplyByReciprocal(x) : Divide(x);
}

// Leaves r in r_ and k in the low bits of power_.
void EmitSigmoid::Reduce(std::span<const Vec> t) {
  const int count = static_cast<int>(t.size());
  for (int i = 0; i < count; ++i) a_.Min(r_[i], t[i], Get(kHighest));
  for (int i = 0; i < count; ++i) a_.vmovaps(power_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Fma231(power_[i], r_[i], Get(kLog2e));
  for (int i = 0; i < count; ++i) a_.Min(power_[i], power_[i], Get(kMost));
  for (int i = 0; i < count; ++i) a_.Sub(temp_[i], power_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Fma231(r_[i], temp_[i], Get(kLn2High));
  if (small_) return;  // without the low part the error is at most 2.4e-7
  for (int i = 0; i < count; ++i) a_.Fma231(r_[i], temp_[i], Get(kLn2Low));
}

// As Reduce(), with k/S in temp_. A NaN becomes an ordinary number here; y = x / d makes it NaN
// again.
void EmitSigmoid::ReduceByAdders(std::span<const Vec> t) {
  const int count = static_cast<int>(t.size());
  for (int i = 0; i < count; ++i) a_.vrangeps(r_[i], t[i], Get(kHighest), kSmallerMagnitude);
  for (int i = 0; i < count; ++i) a_.vmovaps(power_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Fma231(power_[i], r_[i], Get(kLog2e));
  for (int i = 0; i < count; ++i) a_.Sub(temp_[i], power_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Fma231(r_[i], temp_[i], Get(kLn2High));
  for (int i = 0; i < count; ++i) {
    a_.vpsubd(low_[0], power_[i], Get(kLn2Low));
    a_.Sub(r_[i], r_[i], low_[0]);
  }
}

// These instructions need static C++ types. They read the index modulo the number of entries.
void EmitSigmoid::LookUp(const Vec& to, const Vec& index) {
  if (two_registers()) {
    a_.vmovaps(to, index);
    a_.vpermi2pd(Xbyak::Zmm(to.getIdx()), Xbyak::Zmm(first_half_[0].getIdx()), Get(kTable));
  } else if (!a_.avx512()) {
    a_.vpermps(Xbyak::Ymm(to.getIdx()), Xbyak::Ymm(index.getIdx()), Get(kTable));
  } else if (f64_) {
    a_.vpermpd(Xbyak::Zmm(to.getIdx()), Xbyak::Zmm(index.getIdx()), Get(kTable));
  } else {
    a_.vpermps(Xbyak::Zmm(to.getIdx()), Xbyak::Zmm(index.getIdx()), Get(kTable));
  }
}

// The index of a lower half is in the right word; the index of an upper half is 32 bits too low.
// The results of the other words are unused.
void EmitSigmoid::LookUpHalves(const Vec& to, const Vec& index) {
  constexpr int kLower = 0x55;
  const Xbyak::Ymm upper(to.getIdx()), lower(low_[0].getIdx());
  a_.vpsllq(upper, index, 32);
  a_.vpermd(upper, upper, Get(kTable));
  a_.vpermd(lower, Xbyak::Ymm(index.getIdx()), Get(kTableLow));
  a_.vpblendd(upper, upper, lower, kLower);
}

// power_ ← the float 2^(k/S)
void EmitSigmoid::Power(int count) {
  if (by_adders()) {
    for (int i = 0; i < count; ++i) LookUp(power_[i], power_[i]);
    for (int i = 0; i < count; ++i) a_.vscalefps(power_[i], power_[i], temp_[i]);  // by 2^⌊k/S⌋
    return;
  }
  if (options_.table != PowerTable::kNone) {
    for (int i = 0; i < count; ++i) {
      by_halves() ? LookUpHalves(temp_[i], power_[i]) : LookUp(temp_[i], power_[i]);
    }
  }
  for (int i = 0; i < count; ++i)
    a_.ShiftLeft(power_[i], power_[i], (f64_ ? 52 : 23) - table_bits_);
  if (options_.table != PowerTable::kNone) {
    for (int i = 0; i < count; ++i) {
      f64_ ? a_.vpaddq(power_[i], power_[i], temp_[i]) : a_.vpaddd(power_[i], power_[i], temp_[i]);
    }
  }
}

// power_ ← d
void EmitSigmoid::Denominator(int count) {
  for (int i = 0; i < count; ++i) a_.vmovaps(temp_[i], Get(kTop));
  for (int k = top_ - 1; k >= 0; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(temp_[i], r_[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) a_.Fma213(power_[i], temp_[i], Get(kOne));
}

// power_ ← d
void EmitSigmoid::DenominatorByParts(std::span<const Vec> t) {
  const int count = static_cast<int>(t.size());
  const Vecs &u = r_, &p = power_, &fraction = temp_;
  for (int i = 0; i < count; ++i) a_.Mul(u[i], t[i], Get(kLog2e));
  for (int i = 0; i < count; ++i) a_.vreduceps(fraction[i], u[i], kFraction);
  for (int i = 0; i < count; ++i) a_.vmovaps(p[i], Get(kTop));
  for (int k = top_ - 1; k >= 0; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(p[i], fraction[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) a_.vscalefps(p[i], p[i], u[i]);
  for (int i = 0; i < count; ++i) a_.Add(p[i], p[i], Get(kOne));
}

void EmitSigmoid::Divide(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  if (scale_bits_ == 0) {
    for (int i = 0; i < count; ++i) a_.Div(x[i], x[i], power_[i]);
    return;
  }
  for (int i = 0; i < count; ++i) a_.vmovaps(temp_[i], Get(kOne));
  for (int i = 0; i < count; ++i) a_.Div(temp_[i], temp_[i], power_[i]);
  for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], temp_[i]);
}

// rcp14 has 14 bits, enough for 16-bit results. A Newton step doubles the bits: f32 takes one step,
// f64 two. The last step improves the quotient, y += (x − d·y)·(1/d), which rounds nearly like a
// division. If d or x is infinite, the remainder is NaN and the first guess x·(1/d) is kept, since
// it is right. It is also kept if the remainder is 0, since adding 0 would lose the sign of −0.
void EmitSigmoid::MultiplyByReciprocal(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const Vecs &inverse = temp_, &rest = r_;
  const auto step = [&](const Vec& to, const Vec& remainder, const Vec& factor) {
    f64_ ? a_.vcmppd(inexact_[0], remainder, Get(kZero), kNotEqual)
         : a_.vcmpps(inexact_[0], remainder, Get(kZero), kNotEqual);
    a_.Fma231(to | inexact_[0], remainder, factor);
  };
  for (int i = 0; i < count; ++i) {
    f64_ ? a_.vrcp14pd(inverse[i], power_[i]) : a_.vrcp14ps(inverse[i], power_[i]);
  }
  if (small_) {
    if (scale_bits_ > 0)
      for (int i = 0; i < count; ++i) a_.Mul(inverse[i], inverse[i], Get(kOne));
    for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], inverse[i]);
    return;
  }
  if (f64_) {
    for (int i = 0; i < count; ++i) a_.vmovaps(rest[i], Get(kOne));
    for (int i = 0; i < count; ++i) a_.Fnma231(rest[i], power_[i], inverse[i]);
    for (int i = 0; i < count; ++i) step(inverse[i], rest[i], inverse[i]);
  }
  for (int i = 0; i < count; ++i) a_.vmovaps(rest[i], x[i]);
  for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], inverse[i]);
  for (int i = 0; i < count; ++i) a_.Fnma231(rest[i], power_[i], x[i]);
  for (int i = 0; i < count; ++i) step(x[i], rest[i], inverse[i]);
}

}  // namespace jitattn::jit
