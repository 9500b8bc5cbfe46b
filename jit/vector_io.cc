// Moves rows between memory and registers.

#include "jit/vector_io.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace jitattn::jit {
namespace {

// A vector of ones followed by a vector of zeros. A vector loaded `count` lanes before the middle
// is the mask of the first `count` lanes.
std::vector<uint8_t> MaskTable(int vec_bytes) {
  std::vector<uint8_t> table(2 * vec_bytes, 0);
  std::fill_n(table.begin(), vec_bytes, 0xFF);
  return table;
}

constexpr int kOrdered = 7;       // predicate ORD_Q: false for NaN
constexpr int kRoundNearest = 0;  // vcvtps2ph

}  // namespace

using Xbyak::Address;
using Xbyak::Label;
using Xbyak::Operand;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;

TailMask::TailMask(Assembler& a) : a_(a) {
  if (a.avx512()) {
    mask_ = a.pool().LeaseMasks("row end");
  } else {
    vec_ = a.pool().LeaseVecs("row end");
  }
}

void TailMask::Set(int count, const Reg64& temp) {
  count_ = count;
  if (a_.avx512()) {
    a_.mov(temp.cvt32(), (1u << count) - 1);
    a_.kmovw(mask_[0], temp.cvt32());
  } else {
    const int middle = a_.vec_bytes();
    a_.LoadVec(vec_[0],
               a_.ptr[a_.rip + a_.Table(MaskTable(middle)) + (middle - count * a_.elem_bytes())]);
  }
}

void TailMask::Set(const Reg64& count, const Reg64& temp) {
  count_ = -1;
  count_reg_ = count;
  if (a_.avx512()) {
    a_.mov(temp.cvt32(), 0xFFFF);
    a_.bzhi(temp.cvt32(), temp.cvt32(), count.cvt32());
    a_.kmovw(mask_[0], temp.cvt32());
  } else {
    const int middle = a_.vec_bytes();
    a_.lea(temp, a_.ptr[a_.rip + a_.Table(MaskTable(middle)) + middle]);
    a_.neg(count);
    a_.LoadVec(vec_[0], a_.ptr[temp + count * a_.elem_bytes()]);
    a_.neg(count);
  }
}

void TailMask::SetOutside(const Reg64& first, const Reg64& end, const Reg64& temp) {
  if (a_.avx512()) {
    a_.mov(temp.cvt32(), 0xFFFF);
    a_.bzhi(temp.cvt32(), temp.cvt32(), end.cvt32());
    a_.shrx(temp.cvt32(), temp.cvt32(), first.cvt32());
    a_.shlx(temp.cvt32(), temp.cvt32(), first.cvt32());
    a_.not_(temp.cvt32());
    a_.kmovw(mask_[0], temp.cvt32());
    return;
  }
  Set(first, temp);
  std::vector<uint8_t> behind = MaskTable(a_.vec_bytes());
  for (uint8_t& byte : behind) byte = ~byte;
  a_.lea(temp, a_.ptr[a_.rip + a_.Table(behind) + a_.vec_bytes()]);
  a_.neg(end);
  a_.vorps(vec_[0], vec_[0], a_.ptr[temp + end * a_.elem_bytes()]);
  a_.neg(end);
}

void TailMask::Fill(const Vec& x, const Address& value) {
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    f64 ? a_.vmovapd(x | mask_[0], value) : a_.vmovaps(x | mask_[0], value);
  } else {
    f64 ? a_.vblendvpd(x, x, value, vec_[0]) : a_.vblendvps(x, x, value, vec_[0]);
  }
}

void TailMask::Fma231Outside(const Vec& acc, const Vec& x, const Xbyak::Operand& y) {
  if (a_.avx512()) {
    if (outside_.size() == 0) outside_ = a_.pool().LeaseMasks("past row end");
    a_.knotw(outside_[0], mask_[0]);
    a_.Fma231(acc | outside_[0], x, y);
  } else {
    const Vec& clean = static_cast<const Vec&>(y);
    a_.AndNot(clean, vec_[0], clean);  // 0 · 0 adds 0, but 0 · NaN would add NaN
    a_.Fma231(acc, x, clean);
  }
}

VectorIo::VectorIo(Assembler& a, DType storage, Denormals denormals, Ties ties)
    : a_(a),
      storage_(storage),
      rounds_bf16_(denormals == Denormals::kMayFlush && a.avx512() && a.cpu().avx512_bf16),
      ties_(ties) {}

int VectorIo::StoreVecsNeeded(Isa isa, DType storage, Ties ties) {
  if (storage != DType::kBF16) return 0;
  return (ties == Ties::kAway ? 0 : 1) + (isa == Isa::kAvx512 ? 0 : 1);
}

Vec VectorIo::Half(const Vec& x) const {
  return a_.avx512() ? static_cast<Vec>(Ymm(x.getIdx())) : Xmm(x.getIdx());
}

Address VectorIo::Bits(uint32_t value) {
  std::vector<uint8_t> bytes(a_.vec_bytes());
  for (int i = 0; i < a_.vec_bytes(); i += 4) std::memcpy(&bytes[i], &value, 4);
  return a_.ptr[a_.rip + a_.Table(bytes)];
}

void VectorIo::Widen(const Vec& x, const Operand& from) {
  if (storage_ == DType::kF16) {
    a_.vcvtph2ps(x, from);
  } else {
    a_.vpmovzxwd(x, from);
    const Vec whole(a_.avx512() ? Operand::ZMM : Operand::YMM, x.getIdx());  // x may carry a mask
    a_.vpslld(whole, whole, 16);
  }
}

void VectorIo::Narrow(const Vec& x) {
  if (storage_ == DType::kF16) {
    a_.vcvtps2ph(Half(x), x, kRoundNearest);
  } else if (rounds_bf16_) {
    a_.vcvtneps2bf16(Half(x), x);
  } else {
    RoundToBf16(x);
    a_.vpsrld(x, x, 16);
    if (a_.avx512()) return a_.vpmovdw(Half(x), x);
    const Vecs upper = a_.pool().LeaseVecs("upper half");
    const Xmm low(x.getIdx()), high(upper[0].getIdx());
    a_.vextracti128(high, Ymm(x.getIdx()), 1);
    a_.vpackusdw(low, low, high);
  }
}

// Rounds to nearest, ties to even: adds half a unit of the upper half less one, plus one if the
// upper half is odd. The carry rounds up where it should. NaN lanes are left alone, since a carry
// could turn NaN into a number. Their upper half is NaN already: arithmetic sets the highest bit of
// the payload.
void VectorIo::RoundToBf16(const Vec& x) {
  if (ties_ == Ties::kAway) return a_.vpaddd(x, x, Bits(0x8000));
  const Vecs temps = a_.pool().LeaseVecs("rounding", StoreVecsNeeded(a_.isa(), storage_));
  const Vec& carry = temps[0];
  a_.vpsrld(carry, x, 16);
  a_.And(carry, carry, Bits(1));
  a_.vpaddd(carry, carry, Bits(0x7fff));
  if (a_.avx512()) {
    const Opmasks number = a_.pool().LeaseMasks("rounding: not NaN");
    a_.vcmpps(number[0], x, x, kOrdered);
    a_.vpaddd(x | number[0], x, carry);
  } else {
    const Vec& number = temps[1];
    a_.vcmpps(number, x, x, kOrdered);
    a_.And(carry, carry, number);
    a_.vpaddd(x, x, carry);
  }
}

Address VectorIo::Next(const Address& at) const { return a_.ptr[at.getRegExp() + vec_bytes()]; }

void VectorIo::LoadPair(const Vec& x, const Vec& y, const Address& src) {
  if (storage_ != DType::kBF16) {
    Load(x, src);
    return Load(y, Next(src));
  }
  a_.LoadVec(y, src);
  SplitWords(x, y);
}

void VectorIo::SplitWords(const Vec& x, const Vec& y) {
  a_.vpslld(x, y, 16);
  a_.And(y, y, Bits(0xffff0000));
}

void VectorIo::NarrowPair(const Vec& x, const Vec& y) {
  RoundToBf16(x);
  RoundToBf16(y);
  a_.vpsrld(x, x, 16);
  if (a_.avx512()) {
    constexpr uint8_t kFirstInMaskOrSecond = 0xEC;
    a_.vpternlogd(y, x, Bits(0xffff0000), kFirstInMaskOrSecond);
  } else {
    constexpr uint8_t kOddWords = 0xAA;
    a_.vpblendw(y, x, y, kOddWords);
  }
}

void VectorIo::StorePair(const Address& dst, const Vec& x, const Vec& y) {
  if (storage_ != DType::kBF16) {
    Store(dst, x);
    return Store(Next(dst), y);
  }
  NarrowPair(x, y);
  a_.vmovups(dst, y);
}

void VectorIo::StorePairNonTemporal(const Address& dst, const Vec& x, const Vec& y) {
  if (storage_ != DType::kBF16) {
    StoreNonTemporal(dst, x);
    return StoreNonTemporal(Next(dst), y);
  }
  NarrowPair(x, y);
  a_.vmovntps(dst, y);
}

void VectorIo::Load(const Vec& x, const Address& src) {
  narrow() ? Widen(x, src) : a_.LoadVec(x, src);
}

void VectorIo::Store(const Address& dst, const Vec& x) {
  if (!narrow()) return a_.StoreVec(dst, x);
  Narrow(x);
  a_.vmovups(dst, Half(x));
}

void VectorIo::StoreNonTemporal(const Address& dst, const Vec& x) {
  if (!narrow()) return a_.vmovntps(dst, x);
  Narrow(x);
  a_.vmovntps(dst, Half(x));
}

void VectorIo::Load(const Vec& x, const Address& src, const TailMask& tail) {
  if (narrow()) {
    if (a_.avx512()) return Widen(x | tail.mask_[0] | Xbyak::util::T_z, src);
    const Xmm elements(x.getIdx());
    LoadElements(elements, src, tail);
    return Widen(x, elements);
  }
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    const Vec masked = x | tail.mask_[0] | Xbyak::util::T_z;
    f64 ? a_.vmovupd(masked, src) : a_.vmovups(masked, src);
  } else {
    f64 ? a_.vmaskmovpd(x, tail.vec_[0], src) : a_.vmaskmovps(x, tail.vec_[0], src);
  }
}

void VectorIo::Store(const Address& dst, const Vec& x, const TailMask& tail) {
  if (narrow()) {
    Narrow(x);
    return a_.avx512() ? a_.vmovdqu16(dst | tail.mask_[0], Half(x))
                       : StoreElements(dst, Xmm(x.getIdx()), tail);
  }
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    const Address masked = dst | tail.mask_[0];
    f64 ? a_.vmovupd(masked, x) : a_.vmovups(masked, x);
  } else {
    f64 ? a_.vmaskmovpd(dst, tail.vec_[0], x) : a_.vmaskmovps(dst, tail.vec_[0], x);
  }
}

// A constant count is split into its binary digits. A count in a register takes a loop from the
// last element down.
void VectorIo::LoadElements(const Xmm& x, const Address& src, const TailMask& tail) {
  const auto at = [&](int element) { return a_.ptr[src.getRegExp() + element * elem_bytes()]; };
  if (tail.count_ >= 0) {
    const int count = tail.count_, fours = count & 4, pairs = count & 6;
    if (count == 8) return a_.vmovups(x, src);
    fours ? a_.vmovq(x, src) : a_.vxorps(x, x, x);
    if (count & 2) a_.vpinsrd(x, x, at(fours), fours / 2);
    if (count & 1) a_.vpinsrw(x, x, at(pairs), pairs);
    return;
  }
  const Gprs element = a_.pool().LeaseGprs("element"), left = a_.pool().LeaseGprs("elements left");
  Label top, end;
  a_.vxorps(x, x, x);
  a_.mov(left, tail.count_reg_);
  a_.lea(element, src);
  a_.lea(element, a_.ptr[element[0] + left[0] * 2]);
  a_.test(left, left);
  a_.jz(end, a_.T_NEAR);
  a_.L(top);
  a_.sub(element, 2);
  a_.vpslldq(x, x, 2);
  a_.vpinsrw(x, x, a_.ptr[element[0]], 0);
  a_.dec(left);
  a_.jnz(top, a_.T_NEAR);
  a_.L(end);
}

void VectorIo::StoreElements(const Address& dst, const Xmm& x, const TailMask& tail) {
  const auto at = [&](int element) { return a_.ptr[dst.getRegExp() + element * elem_bytes()]; };
  if (tail.count_ >= 0) {
    const int count = tail.count_, fours = count & 4, pairs = count & 6;
    if (count == 8) return a_.vmovups(dst, x);
    if (fours) a_.vmovq(dst, x);
    if (count & 2) a_.vpextrd(at(fours), x, fours / 2);
    if (count & 1) a_.vpextrw(at(pairs), x, pairs);
    return;
  }
  const Gprs element = a_.pool().LeaseGprs("element"), left = a_.pool().LeaseGprs("elements left");
  Label top, end;
  a_.mov(left, tail.count_reg_);
  a_.lea(element, dst);
  a_.test(left, left);
  a_.jz(end, a_.T_NEAR);
  a_.L(top);
  a_.vpextrw(a_.ptr[element[0]], x, 0);
  a_.vpsrldq(x, x, 2);
  a_.add(element, 2);
  a_.dec(left);
  a_.jnz(top, a_.T_NEAR);
  a_.L(end);
}

}  // namespace jitattn::jit
