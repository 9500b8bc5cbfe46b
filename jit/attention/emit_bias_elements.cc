// Reads the elements of a bias and adds them to scores.

#include "jit/attention/emit_bias_elements.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Address;
using Xbyak::Label;
using Xbyak::Operand;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kEqual = 0;  // predicate

// The bits of an element that hides its key.
uint64_t HidingBits(const AttentionSpec& spec) {
  if (spec.bias == Bias::kSeen) return 0;
  switch (BiasType(spec)) {
    case DType::kF64:
      return std::bit_cast<uint64_t>(-kInfinity);
    case DType::kBF16:
      return 0xff80;
    case DType::kF16:
      return 0xfc00;
    default:
      return 0xff800000;
  }
}

Ymm Wide(const Vec& x) { return Ymm(x.getIdx()); }

}  // namespace

void EmitBiasElements::EmitStart(const Vec& hiding, const Vecs& hidden) {
  std::vector<uint8_t> elements(32);
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] = static_cast<uint8_t>(HidingBits(spec_) >> i % bytes() * 8);
  a_.vmovups(Wide(hiding), a_.ptr[a_.rip + a_.Table(elements)]);
  for (const Vec& x : hidden.regs()) a_.vpcmpeqd(Wide(x), Wide(x), Wide(x));
}

void EmitBiasElements::EmitTest(const Vec& hiding, const Vecs& hidden, const Reg64& row,
                                const Reg64* first, const Reg64* end, const Reg64* temp) {
  const Vecs lease = a_.pool().LeaseVecs("hidden in the row");
  const Ymm here = Wide(lease);
  if (first != nullptr) EmitOutside(*first, *temp, /*before=*/true);
  if (end != nullptr) EmitOutside(*end, *temp, /*before=*/false);
  for (int i = 0; i < scan_vecs(); ++i) {
    const Address elements = a_.ptr[row + i * 32];
    switch (bytes()) {
      case 1:
        a_.vpcmpeqb(here, Wide(hiding), elements);
        break;
      case 2:
        a_.vpcmpeqw(here, Wide(hiding), elements);
        break;
      case 4:
        a_.vpcmpeqd(here, Wide(hiding), elements);
        break;
      default:
        a_.vpcmpeqq(here, Wide(hiding), elements);
    }
    for (const Reg64* outside : {first, end})
      if (outside != nullptr) a_.vpor(here, here, a_.ptr[*outside + i * 32]);
    a_.vpand(Wide(hidden[i]), Wide(hidden[i]), here);
  }
}

// bound ← the address of elements that are all ones before `bound`, or from `bound` on, and else 0:
// `bound` elements before the middle of a table.
void EmitBiasElements::EmitOutside(const Reg64& bound, const Reg64& temp, bool before) {
  std::vector<uint8_t> table(2 * scan_bytes(), before ? 0xff : 0);
  for (int i = scan_bytes(); i < 2 * scan_bytes(); ++i) table[i] = before ? 0 : 0xff;
  a_.lea(temp, a_.ptr[a_.rip + a_.Table(table) + scan_bytes()]);
  a_.neg(bound);
  a_.lea(bound, a_.ptr[temp + bound * bytes()]);
}

// bits ← the sign of each element of 32 bytes. Clobbers x.
void EmitBiasElements::EmitBits(const Reg64& bits, const Vec& x) {
  if (bytes() == 8) return a_.vmovmskpd(bits.cvt32(), Wide(x));
  if (bytes() == 4) return a_.vmovmskps(bits.cvt32(), Wide(x));
  if (bytes() == 1) return a_.vpmovmskb(bits.cvt32(), Wide(x));
  const Vecs upper = a_.pool().LeaseVecs("upper half");
  const Xmm low(x.getIdx()), high(upper[0].getIdx());
  a_.vextracti128(high, Wide(x), 1);
  a_.vpacksswb(low, low, high);
  a_.vpmovmskb(bits.cvt32(), low);
}

void EmitBiasElements::EmitSeen(const Reg64& seen, const Vecs& hidden, const Reg64& temp) {
  for (int i = 0; i < scan_vecs(); ++i) {
    EmitBits(i == 0 ? seen : temp, hidden[i]);
    if (i == 0) continue;
    a_.shl(temp.cvt32(), i * kScanned / scan_vecs());
    a_.or_(seen.cvt32(), temp.cvt32());
  }
  a_.not_(seen.cvt32());
}

void EmitBiasElements::EmitCopy(const Xbyak::RegExp& to, const Reg64& from, const Reg64& count,
                                const Reg64& temp) {
  Label next;
  a_.L(next);
  const auto element = [&](const Xbyak::RegExp& base) { return base + count * bytes() - bytes(); };
  switch (bytes()) {
    case 1:
      a_.mov(temp.cvt8(), a_.byte[element(from)]);
      a_.mov(a_.byte[element(to)], temp.cvt8());
      break;
    case 2:
      a_.mov(temp.cvt16(), a_.word[element(from)]);
      a_.mov(a_.word[element(to)], temp.cvt16());
      break;
    case 4:
      a_.mov(temp.cvt32(), a_.dword[element(from)]);
      a_.mov(a_.dword[element(to)], temp.cvt32());
      break;
    default:
      a_.mov(temp, a_.qword[element(from)]);
      a_.mov(a_.qword[element(to)], temp);
  }
  a_.dec(count);
  a_.jnz(next, a_.T_NEAR);
}

void EmitBiasElements::EmitLoad(const Vec& x, const Address& src) {
  const bool f64 = a_.compute() == DType::kF64;
  if (values()) {
    if (f64 && BiasType(spec_) == DType::kF32) return a_.vcvtps2pd(x, src);
    return VectorIo(a_, BiasType(spec_)).Load(x, src);
  }
  f64 ? a_.vpmovzxbq(x, src) : a_.vpmovzxbd(x, src);
  const auto infinity = a_.Const(-kInfinity);
  if (a_.avx512()) {
    const Opmasks hidden = a_.pool().LeaseMasks("hidden");
    f64 ? a_.vptestnmq(hidden[0], x, x) : a_.vptestnmd(hidden[0], x, x);
    const Vec masked = x | hidden[0] | Xbyak::util::T_z;
    f64 ? a_.vmovapd(masked, infinity) : a_.vmovaps(masked, infinity);
  } else {
    f64 ? a_.vpcmpeqq(x, x, a_.Const(0)) : a_.vpcmpeqd(x, x, a_.Const(0));
    a_.And(x, x, infinity);
  }
}

int EmitBiasSum::VecsNeeded(const AttentionSpec& spec, Isa isa) {
  if (spec.bias == Bias::kNone) return 0;
  const int value = spec.bias == Bias::kSeen ? 0 : 1;
  const int temp = isa == Isa::kAvx512 ? BiasMayOverflow(spec) : 1;
  return 1 + value + BiasMayOverflow(spec) + temp;
}

EmitBiasSum::EmitBiasSum(Assembler& a, const AttentionSpec& spec) : a_(a) {
  RegPool& pool = a.pool();
  infinity_ = pool.LeaseVecs("−∞");
  unit_ = pool.LeaseVecs("log2 e", spec.bias == Bias::kSeen ? 0 : 1);
  lowest_ = pool.LeaseVecs("lowest score", BiasMayOverflow(spec) ? 1 : 0);
  temp_ = pool.LeaseVecs("bias, or hidden", a.avx512() ? lowest_.size() : 1);
  mask_ = pool.LeaseMasks("hidden", a.avx512() ? 1 : 0);
  a.LoadVec(infinity_, a.Const(-kInfinity));
  if (unit_.size() > 0) a.LoadVec(unit_[0], a.Const(std::numbers::log2e));
  if (lowest_.size() == 0) return;
  a.LoadVec(lowest_[0], a.Const(a.compute() == DType::kF64 ? std::numeric_limits<double>::lowest()
                                                           : std::numeric_limits<float>::lowest()));
}

// The order of the maximum's operands keeps a NaN.
void EmitBiasSum::Emit(std::span<const Vec> x, const std::function<Address(int)>& bias) {
  const bool f64 = a_.compute() == DType::kF64;
  const Vec& infinity = infinity_;
  for (size_t i = 0; i < x.size(); ++i) {
    const Address at = bias(static_cast<int>(i));
    if (lowest_.size() > 0) {
      a_.Mul(temp_[0], unit_[0], at);
      a_.Max(temp_[0], lowest_[0], temp_[0]);
      a_.Add(x[i], x[i], temp_[0]);
    } else if (unit_.size() > 0) {
      a_.Fma231(x[i], unit_[0], at);
    }
    if (a_.avx512()) {
      f64 ? a_.vcmppd(mask_[0], infinity, at, kEqual) : a_.vcmpps(mask_[0], infinity, at, kEqual);
      f64 ? a_.vmovapd(x[i] | mask_[0], infinity) : a_.vmovaps(x[i] | mask_[0], infinity);
    } else {
      f64 ? a_.vcmppd(temp_[0], infinity, at, kEqual) : a_.vcmpps(temp_[0], infinity, at, kEqual);
      f64 ? a_.vblendvpd(x[i], x[i], infinity, temp_[0])
          : a_.vblendvps(x[i], x[i], infinity, temp_[0]);
    }
  }
}

}  // namespace jitattn::jit
