// Moves the elements of an activation between memory and registers.

#include "jit/sigmoid_mul/activation_io.h"

#include <cstring>
#include <vector>

namespace jitattn::jit {
namespace {

using Xbyak::Address;
using Xbyak::Reg64;

// Quarters of a register, in 64-bit words: 0, 2, 1, 3.
constexpr int kEvenWordsFirst = 0xD8;
constexpr int kEvenLanes = 0x88, kOddLanes = 0xDD;

}  // namespace

ActivationIo::ActivationIo(Assembler& a, const SigmoidMulSpec& spec)
    : a_(a),
      spec_(spec),
      in_(a, spec.dtype, Denormals::kKeep, TiesOf(spec)),
      out_(a, spec.out_dtype(), Denormals::kKeep, TiesOf(spec)) {
  if (NeedsOrder(spec, a.isa())) order_ = a.pool().LeaseVecs("order of pairs");
}

void ActivationIo::LoadConstants() {
  if (!NeedsOrder(spec_, a_.isa())) return;
  const uint64_t words[] = {0, 2, 4, 6, 1, 3, 5, 7};
  std::vector<uint8_t> bytes(sizeof words);
  std::memcpy(bytes.data(), words, sizeof words);
  a_.vmovups(order_, a_.ptr[a_.rip + a_.Table(bytes)]);
}

void ActivationIo::Part(const Vec& x, const Vec& up, const Vec& first) {
  if (a_.compute() == DType::kF64) {
    a_.vunpcklpd(x, first, up);
    a_.vunpckhpd(up, first, up);
  } else {
    a_.vshufps(x, first, up, kEvenLanes);
    a_.vshufps(up, first, up, kOddLanes);
  }
}

void ActivationIo::Order(const Vec& x) {
  if (!Shuffles(spec_)) return;
  if (a_.avx512()) {
    a_.vpermpd(Xbyak::Zmm(x.getIdx()), Xbyak::Zmm(order_[0].getIdx()), x);
  } else {
    a_.vpermpd(Xbyak::Ymm(x.getIdx()), x, kEvenWordsFirst);
  }
}

void ActivationIo::LoadPairs(const Vec& x, const Vec& up, const Address& src, const Vec& temp) {
  if (!Shuffles(spec_)) return in_.LoadPair(x, up, src);
  in_.Load(temp, src);
  in_.Load(up, a_.ptr[src.getRegExp() + in_.vec_bytes()]);
  Part(x, up, temp);
}

void ActivationIo::LoadPairs(const Vec& x, const Vec& up, const Reg64& src, const Reg64& count,
                             TailMask& tail, const Vec& temp, const Reg64& half,
                             const Reg64& spare) {
  if (!Shuffles(spec_)) {  // words of 32 bits
    VectorIo words(a_, DType::kF32);
    tail.Set(count, spare);
    words.Load(up, a_.ptr[src], tail);
    return in_.SplitWords(x, up);
  }
  a_.mov(spare, a_.lanes());
  a_.lea(half, a_.ptr[count + count]);
  a_.cmp(half, spare);
  a_.cmovg(half, spare);
  tail.Set(half, spare);
  in_.Load(temp, a_.ptr[src], tail);
  a_.lea(half, a_.ptr[count + count - a_.lanes()]);
  a_.xor_(spare.cvt32(), spare.cvt32());
  a_.test(half, half);
  a_.cmovs(half, spare);
  tail.Set(half, spare);
  in_.Load(up, a_.ptr[src + in_.vec_bytes()], tail);
  Part(x, up, temp);
}

void ActivationIo::Store(const Address& dst, const Vec& x) {
  Order(x);
  out_.Store(dst, x);
}

void ActivationIo::StoreNonTemporal(const Address& dst, const Vec& x) {
  Order(x);
  out_.StoreNonTemporal(dst, x);
}

void ActivationIo::Store(const Address& dst, const Vec& x, const TailMask& tail) {
  Order(x);
  out_.Store(dst, x, tail);
}

void ActivationIo::StorePair(const Address& dst, const Vec& x, const Vec& y, bool non_temporal) {
  non_temporal ? out_.StorePairNonTemporal(dst, x, y) : out_.StorePair(dst, x, y);
}

}  // namespace jitattn::jit
