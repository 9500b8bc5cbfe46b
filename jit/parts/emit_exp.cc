// 2^x of a group of vectors.

#include "jit/parts/emit_exp.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace jitattn::jit {
namespace {

using Xbyak::Operand;

// Minimax in relative error with the constant term pinned at 1 (so that 2^0 = 1 exactly), by Remez
// exchange in 60 digits: min over c of max |(1 + Σ c_k r^k) / 2^r − 1|. Constant term first.
// On |r| ≤ ½:
constexpr double kDegree3[] = {1, 0.69328292711149405, 0.24221095941018354,
                               0.055008931160812809};  // 1.0e-4
constexpr double kDegree4[] = {1, 0.69312419342071849, 0.24024098611670646, 0.05590642459141304,
                               0.0095828530290460023};  // 2.8e-6
constexpr double kDegree5[] = {1,
                               0.69314697759899203815,
                               0.2402224208537670947,
                               0.055507337434700852738,
                               0.0096715126399564551514,
                               0.001326472714007201332};  // 9.1e-8, ¾ of an ulp of f32
constexpr double kDegree11[] = {1,
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
                                4.4347711353146017671e-10};  // 3.4e-18; degree 10: an ulp of f64
// On |r| ≤ 1/32:
constexpr double kSixteenths[] = {1, 0.69314718266662967, 0.2402342880139463,
                                  0.055502136502530324};  // 1.6e-9
// On |r| ≤ 1/16:
constexpr double kEighths[] = {1,
                               0.69314718055994531811,
                               0.24022650695911516041,
                               0.055504108664802349786,
                               0.009618129085178853656,
                               0.0013333558238976531771,
                               0.0001540452194364519283,
                               0.00001525184388187027073};  // 2.8e-18

int MantissaBits(DType compute) { return compute == DType::kF64 ? 52 : 23; }

// The bits of 2^(j / 2^bits), minus j << shift: adding k << shift for k = n·2^bits + j makes 2^(n +
// j / 2^bits).
template <typename T, typename U>
std::vector<uint8_t> PowersOfTwo(int bits, int shift) {
  std::vector<uint8_t> bytes;
  for (U j = 0; j < U{1} << bits; ++j) {
    const T power = std::exp2(static_cast<T>(j) / static_cast<T>(1 << bits));
    const U entry = std::bit_cast<U>(power) - (j << shift);
    for (size_t i = 0; i < sizeof(U); ++i) bytes.push_back(static_cast<uint8_t>(entry >> 8 * i));
  }
  return bytes;
}

constexpr int kNotLessQuiet = 21;  // predicate NLT_UQ: true for NaN

}  // namespace

std::span<const int> EmitExp::Degrees(Isa isa, DType result) {
  static constexpr int kF32[] = {5, 3}, kF64[] = {7, 11}, kF64NoTable[] = {11};
  static constexpr int k16Bits[] = {3, 4, 5};
  const bool avx512 = isa == Isa::kAvx512;
  switch (result) {
    case DType::kF32:
      return std::span(kF32).first(avx512 ? 2 : 1);
    case DType::kF64:
      return avx512 ? std::span<const int>(kF64) : kF64NoTable;
    case DType::kBF16:
    case DType::kF16:
      break;
  }
  return k16Bits;
}

// The table pays for f64: on a CPU with AVX-512, an exponential costs the multipliers nine cycles
// with the table and twelve without. f32 has only five multiplications to save from; the table's
// extra work for the adders takes as long, if adders have execution ports of their own.
const EmitExp::Form& EmitExp::FormOf(Isa isa, DType result, int degree) {
  static constexpr Form kPlain3 = {kDegree3}, kPlain4 = {kDegree4}, kPlain5 = {kDegree5},
                        kPlain11 = {kDegree11}, kTable3 = {kSixteenths, 4}, kTable7 = {kEighths, 3};
  switch (degree == 0 ? Degrees(isa, result).front() : degree) {
    case 3:
      return result == DType::kF32 ? kTable3 : kPlain3;
    case 4:
      return kPlain4;
    case 7:
      return kTable7;
    case 11:
      return kPlain11;
    default:
      return kPlain5;
  }
}

EmitExp::EmitExp(Assembler& a, int in_flight, int constants, DType result, int degree)
    : a_(a),
      form_(FormOf(a.isa(), result, degree)),
      n_(a.pool().LeaseVecs("exp: 2^n", in_flight)),
      p_(a.pool().LeaseVecs("exp: polynomial", in_flight)) {
  const bool f64 = a.compute() == DType::kF64;
  const double smallest = f64 ? -1022 : -126;  // logarithm of the smallest normal number
  // 1.5·2^(mantissa bits): adding it leaves round(x) in the low bits.
  const double magic = std::ldexp(1.5, MantissaBits(a.compute()));
  if (a.avx512()) {
    Declare(kLowest, smallest);
    normal_ = a.pool().LeaseMasks("exp: normal", in_flight);
    if (by_table()) {
      const int bits = form_.table_bits, shift = MantissaBits(a.compute()) - bits;
      Declare(kMagic, std::ldexp(magic, -bits));
      memory_.emplace(kTable,
                      a_.ptr[a_.rip + a_.Table(f64 ? PowersOfTwo<double, uint64_t>(bits, shift)
                                                   : PowersOfTwo<float, uint32_t>(bits, shift))]);
    }
  } else {
    Declare(kLowest, smallest - 1);  // if x is clamped to this, the scale 2^n is 0
    // With the exponent's bias added, the low bits shifted up are the number 2^n.
    Declare(kMagic, magic + (f64 ? 1023 : 127));
  }
  const std::span<const double> poly = form_.poly;
  const int top = static_cast<int>(poly.size()) - 1;
  Declare(kTop, poly[top]);
  for (int i = by_table() ? 1 : 0; i < top; ++i) Declare(kPoly + i, poly[i]);

  constants = std::min(constants, static_cast<int>(memory_.size()));
  constants_ = a.pool().LeaseVecs("exp: constants", constants);
  for (auto it = memory_.begin(); constants > 0; ++it)
    held_.emplace(it->first, constants_[--constants]);
}

const Operand& EmitExp::Get(int name) const {
  const auto it = held_.find(name);
  if (it != held_.end()) return it->second;
  return memory_.at(name);
}

void EmitExp::LoadConstants() {
  for (const auto& [name, reg] : held_) a_.LoadVec(reg, memory_.at(name));
}

void EmitExp::Emit(std::span<const Vec> x) {
  if (by_table()) {
    EmitByTable(x);
    return;
  }
  const int count = static_cast<int>(x.size());
  a_.avx512() ? ReduceAvx512(x) : ReduceAvx2(x);
  for (int i = 0; i < count; ++i) a_.vmovaps(p_[i], Get(kTop));
  for (int k = static_cast<int>(form_.poly.size()) - 2; k >= 0; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(p_[i], x[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) {
    if (!a_.avx512()) {
      a_.Mul(x[i], p_[i], n_[i]);
      continue;
    }
    const Vec result = x[i] | normal_[i] | Xbyak::util::T_z;
    a_.compute() == DType::kF64 ? a_.vscalefpd(result, p_[i], n_[i])
                                : a_.vscalefps(result, p_[i], n_[i]);
  }
}

// k = round(x·2^bits), r = x − k/2^bits. t = 2^(k/2^bits) comes from the table and k's upper bits.
// The result is t + t · (2^r − 1).
void EmitExp::EmitByTable(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const bool f64 = a_.compute() == DType::kF64;
  const int shift = MantissaBits(a_.compute()) - form_.table_bits;
  EmitNormal(x);
  for (int i = 0; i < count; ++i) a_.Add(n_[i], x[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(p_[i], n_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], p_[i]);
  for (int i = 0; i < count; ++i) {
    // The permutation uses only as many low bits of an index as the table needs.
    const Xbyak::Zmm power(p_[i].getIdx()), index(n_[i].getIdx());
    f64 ? a_.vpermpd(power, index, Get(kTable)) : a_.vpermps(power, index, Get(kTable));
  }
  for (int i = 0; i < count; ++i) a_.ShiftLeft(n_[i], n_[i], shift);
  for (int i = 0; i < count; ++i)
    f64 ? a_.vpaddq(n_[i], n_[i], p_[i]) : a_.vpaddd(n_[i], n_[i], p_[i]);
  for (int i = 0; i < count; ++i) a_.vmovaps(p_[i], Get(kTop));
  for (int k = static_cast<int>(form_.poly.size()) - 2; k >= 1; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(p_[i], x[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], p_[i]);
  for (int i = 0; i < count; ++i) {
    const Vec result = x[i] | normal_[i] | Xbyak::util::T_z;
    a_.Fma213(result, n_[i], n_[i]);
  }
}

void EmitExp::EmitNormal(std::span<const Vec> x) {
  for (size_t i = 0; i < x.size(); ++i) {
    a_.compute() == DType::kF64 ? a_.vcmppd(normal_[i], x[i], Get(kLowest), kNotLessQuiet)
                                : a_.vcmpps(normal_[i], x[i], Get(kLowest), kNotLessQuiet);
  }
}

// Leaves r in x, and n as a floating-point number in n_. (vreduce takes as long as the rounding and
// the subtraction together.)
void EmitExp::ReduceAvx512(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  EmitNormal(x);
  for (int i = 0; i < count; ++i) a_.Round(n_[i], x[i]);
  for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], n_[i]);
}

// Leaves r in x, and the bits of 2^n in n_. AVX2 has no vscalef: the magic addition yields n both
// as a number and as an exponent. The clamp is max(lowest, x) in this order, which keeps a NaN in
// x.
void EmitExp::ReduceAvx2(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const auto lowest = held_.find(kLowest);
  for (int i = 0; i < count; ++i) {
    if (lowest == held_.end()) a_.LoadVec(p_[i], memory_.at(kLowest));
    a_.Max(x[i], lowest == held_.end() ? p_[i] : lowest->second, x[i]);
  }
  for (int i = 0; i < count; ++i) a_.Add(n_[i], x[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(p_[i], n_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], p_[i]);
  for (int i = 0; i < count; ++i) a_.ShiftLeft(n_[i], n_[i], a_.compute() == DType::kF64 ? 52 : 23);
}

}  // namespace jitattn::jit
