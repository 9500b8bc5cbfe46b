// Moving rows between memory and registers.

#include "jit/vector_io.h"

#include <algorithm>
#include <vector>

namespace jitattn::jit {
namespace {

// Lanes of ones, then as many of zeros: a vector loaded `count` lanes before the middle is the mask
// of the first `count` lanes.
std::vector<uint8_t> MaskTable(int vec_bytes) {
  std::vector<uint8_t> table(2 * vec_bytes, 0);
  std::fill_n(table.begin(), vec_bytes, 0xFF);
  return table;
}

}  // namespace

using Xbyak::Address;
using Xbyak::Reg64;

TailMask::TailMask(Assembler& a) : a_(a) {
  if (a.avx512()) {
    mask_ = a.pool().LeaseMasks("row end");
  } else {
    vec_ = a.pool().LeaseVecs("row end");
  }
}

void TailMask::Set(int count, const Reg64& temp) {
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
    a_.AndNot(clean, vec_[0], clean);  // 0 · 0 adds nothing, 0 · NaN would
    a_.Fma231(acc, x, clean);
  }
}

void VectorIo::Load(const Vec& x, const Address& src) { a_.LoadVec(x, src); }

void VectorIo::Store(const Address& dst, const Vec& x) { a_.StoreVec(dst, x); }

void VectorIo::StoreNonTemporal(const Address& dst, const Vec& x) { a_.vmovntps(dst, x); }

void VectorIo::Load(const Vec& x, const Address& src, const TailMask& tail) {
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    const Vec masked = x | tail.mask_[0] | Xbyak::util::T_z;
    f64 ? a_.vmovupd(masked, src) : a_.vmovups(masked, src);
  } else {
    f64 ? a_.vmaskmovpd(x, tail.vec_[0], src) : a_.vmaskmovps(x, tail.vec_[0], src);
  }
}

void VectorIo::Store(const Address& dst, const Vec& x, const TailMask& tail) {
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    const Address masked = dst | tail.mask_[0];
    f64 ? a_.vmovupd(masked, x) : a_.vmovups(masked, x);
  } else {
    f64 ? a_.vmaskmovpd(dst, tail.vec_[0], x) : a_.vmaskmovps(dst, tail.vec_[0], x);
  }
}

}  // namespace jitattn::jit
