// 2^x of a group of vectors.

#include "jit/emit_exp.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace jitattn::jit {
namespace {

using Xbyak::Operand;

// Minimax in relative error with the constant term pinned at 1 (so that 2^0 = 1 exactly), by Remez
// exchange in 60 digits: min over c of max |(1 + Σ c_k r^k) / 2^r − 1| on |r| ≤ ½.
//   degree 5: 9.1e-8, ¾ of an ulp
constexpr double kExp2F32[] = {1,
                               0.69314697759899203815,
                               0.2402224208537670947,
                               0.055507337434700852738,
                               0.0096715126399564551514,
                               0.001326472714007201332};
//   degree 3: 1.0e-4, where the result is rounded by up to 2e-3
constexpr double kExp2Bf16[] = {1, 0.69328292711149405, 0.24221095941018354, 0.055008931160812809};
//   degree 11: 3.4e-18 (degree 10 has 2.2e-16, a whole ulp)
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

// On |r| ≤ 1/16, degree 7: 2.8e-18
constexpr double kExp2F64Eighths[] = {1,
                                      0.69314718055994531811,
                                      0.24022650695911516041,
                                      0.055504108664802349786,
                                      0.009618129085178853656,
                                      0.0013333558238976531771,
                                      0.0001540452194364519283,
                                      0.00001525184388187027073};

// With AVX-512 an exponential of f64 costs the multipliers nine cycles by a table and this
// polynomial, twelve by the other one; one of f32 has five multiplications to save from, and what
// the table asks of the adders takes as long.
bool ByTable(const Assembler& a) { return a.avx512() && a.compute() == DType::kF64; }

std::span<const double> Polynomial(const Assembler& a, DType rounded) {
  if (ByTable(a)) return kExp2F64Eighths;
  if (a.compute() == DType::kF64) return kExp2F64;
  if (rounded == DType::kBF16) return kExp2Bf16;
  return kExp2F32;
}

// 1.5·2^52 / 8: adding it leaves round(8·x) in the low bits.
constexpr double kEighthsMagic = 0x1.8p49;
constexpr int kEighthsShift = 49;  // puts n of k = 8·n + j where a number has its exponent

// 2^(j/8) without j where adding 8·n + j, shifted, makes it 2^(n + j/8).
std::vector<uint8_t> EighthsTable() {
  std::vector<uint8_t> bytes;
  for (uint64_t j = 0; j < 8; ++j) {
    const uint64_t bits =
        std::bit_cast<uint64_t>(std::exp2(static_cast<double>(j) / 8)) - (j << kEighthsShift);
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(bits >> 8 * i));
  }
  return bytes;
}

constexpr int kNotLess = 21;  // predicate NLT_UQ: true for NaN

}  // namespace

EmitExp::EmitExp(Assembler& a, int in_flight, int constants, DType rounded)
    : a_(a),
      poly_(Polynomial(a, rounded)),
      n_(a.pool().LeaseVecs("exp: 2^n", in_flight)),
      p_(a.pool().LeaseVecs("exp: polynomial", in_flight)) {
  const bool f64 = a.compute() == DType::kF64;
  const double smallest = f64 ? -1022 : -126;  // logarithm of the smallest normal number
  if (a.avx512()) {
    Declare(kLowest, smallest);
    normal_ = a.pool().LeaseMasks("exp: normal", in_flight);
    if (ByTable(a)) {
      Declare(kMagic, kEighthsMagic);
      memory_.emplace(kTable, a_.ptr[a_.rip + a_.Table(EighthsTable())]);
    }
  } else {
    Declare(kLowest, smallest - 1);  // clamped here, the scale 2^n is 0
    // 1.5·2^(mantissa bits): adding it leaves round(x) in the low bits; with the exponent's bias on
    // top, those bits shifted up are the number 2^n.
    Declare(kMagic, f64 ? 0x1.8p52 + 1023 : 0x1.8p23 + 127);
  }
  const int top = static_cast<int>(poly_.size()) - 1;
  Declare(kTop, poly_[top]);
  for (int i = ByTable(a) ? 1 : 0; i < top; ++i) Declare(kPoly + i, poly_[i]);

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
  if (ByTable(a_)) {
    EmitByTable(x);
    return;
  }
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
    const Vec result = x[i] | normal_[i] | Xbyak::util::T_z;
    a_.compute() == DType::kF64 ? a_.vscalefpd(result, p_[i], n_[i])
                                : a_.vscalefps(result, p_[i], n_[i]);
  }
}

// k = round(8·x), r = x − k/8; 2^(k/8) from the table and k's upper bits; that + that · (2^r − 1).
void EmitExp::EmitByTable(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  for (int i = 0; i < count; ++i) a_.vcmppd(normal_[i], x[i], Get(kLowest), kNotLess);
  for (int i = 0; i < count; ++i) a_.Add(n_[i], x[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(p_[i], n_[i], Get(kMagic));
  for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], p_[i]);
  for (int i = 0; i < count; ++i) {
    // It looks at the lowest three bits of each index.
    a_.vpermpd(Xbyak::Zmm(p_[i].getIdx()), Xbyak::Zmm(n_[i].getIdx()), Get(kTable));
  }
  for (int i = 0; i < count; ++i) a_.ShiftLeft(n_[i], n_[i], kEighthsShift);
  for (int i = 0; i < count; ++i) a_.vpaddq(n_[i], n_[i], p_[i]);
  for (int i = 0; i < count; ++i) a_.vmovaps(p_[i], Get(kTop));
  for (int k = static_cast<int>(poly_.size()) - 2; k >= 1; --k)
    for (int i = 0; i < count; ++i) a_.Fma213(p_[i], x[i], Get(kPoly + k));
  for (int i = 0; i < count; ++i) a_.Mul(x[i], x[i], p_[i]);
  for (int i = 0; i < count; ++i)
    a_.vfmadd213pd(x[i] | normal_[i] | Xbyak::util::T_z, n_[i], n_[i]);
}

// r ends in x, n as a floating-point number in n_. (vreduce instead of the rounding and the
// difference is no faster: it takes as long as both.)
void EmitExp::ReduceAvx512(std::span<const Vec> x) {
  const int count = static_cast<int>(x.size());
  const bool f64 = a_.compute() == DType::kF64;
  for (int i = 0; i < count; ++i) {
    f64 ? a_.vcmppd(normal_[i], x[i], Get(kLowest), kNotLess)
        : a_.vcmpps(normal_[i], x[i], Get(kLowest), kNotLess);
  }
  for (int i = 0; i < count; ++i) a_.Round(n_[i], x[i]);
  for (int i = 0; i < count; ++i) a_.Sub(x[i], x[i], n_[i]);
}

// r ends in x, the bits of 2^n in n_. No vscalef here: n comes out of the magic addition both as a
// number and as an exponent. The clamp is max(lowest, x) in this order, which keeps a NaN in x.
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
