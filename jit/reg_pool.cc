// The register pool: bit sets of free registers, and the list of leases with their purposes.

#include "jit/reg_pool.h"

#include <algorithm>
#include <bit>
#include <string>

namespace jitattn::jit {
namespace {

using Xbyak::Operand;

constexpr uint32_t Bits(int count) { return count >= 32 ? ~0u : (1u << count) - 1; }

}  // namespace

RegPool::RegPool(Isa isa)
    : isa_(isa),
      free_{Bits(VecRegs(isa)), Bits(16) & ~(1u << Operand::RSP),
            isa == Isa::kAvx512 ? Bits(8) & ~1u : 0} {}

int RegPool::Free(RegKind kind) const { return std::popcount(free_[static_cast<int>(kind)]); }

// Lowest index first: low registers have shorter VEX prefixes, and r8–r15 always need a prefix.
int RegPool::Take(RegKind kind) {
  uint32_t& free = free_[static_cast<int>(kind)];
  if (free == 0) throw Xbyak::Error(Xbyak::ERR_INTERNAL);
  const int index = std::countr_zero(free);
  free &= free - 1;
  return index;
}

template <typename Reg, RegKind kKind, typename Make>
Lease<Reg, kKind> RegPool::TakeMany(std::string_view purpose, int count, Make make) {
  Lease<Reg, kKind> lease;
  lease.pool_ = this;
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    lease.regs_.push_back(make(Take(kKind)));
    names.push_back(lease.regs_.back().toString());
  }
  if (count > 0) Note(purpose, names);
  return lease;
}

Vecs RegPool::LeaseVecs(std::string_view purpose, int count) {
  const auto kind = isa_ == Isa::kAvx512 ? Operand::ZMM : Operand::YMM;
  return TakeMany<Vec, RegKind::kVec>(purpose, count, [&](int i) { return Vec(kind, i); });
}

Gprs RegPool::LeaseGprs(std::string_view purpose, int count) {
  return TakeMany<Xbyak::Reg64, RegKind::kGpr>(purpose, count,
                                               [](int i) { return Xbyak::Reg64(i); });
}

Opmasks RegPool::LeaseMasks(std::string_view purpose, int count) {
  return TakeMany<Xbyak::Opmask, RegKind::kMask>(purpose, count,
                                                 [](int i) { return Xbyak::Opmask(i); });
}

Gprs RegPool::LeaseGpr(std::string_view purpose, const Xbyak::Reg64& reg) {
  uint32_t& free = free_[static_cast<int>(RegKind::kGpr)];
  const uint32_t bit = 1u << reg.getIdx();
  if (!(free & bit)) throw Xbyak::Error(Xbyak::ERR_INTERNAL);
  free &= ~bit;
  Gprs lease;
  lease.pool_ = this;
  lease.regs_.push_back(reg);
  Note(purpose, {reg.toString()});
  return lease;
}

void RegPool::Note(std::string_view purpose, const std::vector<std::string>& names) {
  std::string registers = names.front();
  if (names.size() > 1) registers += (names.size() == 2 ? " " : " … ") + names.back();
  const auto same = [&](const RegisterUse& use) {
    return use.registers == registers && use.purpose == purpose;
  };
  if (std::none_of(uses_.begin(), uses_.end(), same))
    uses_.push_back({registers, std::string(purpose)});
}

}  // namespace jitattn::jit
