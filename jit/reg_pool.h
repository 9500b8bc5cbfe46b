// A pool of registers. Emitters lease registers for a purpose; a lease's destructor returns them.

#ifndef JITATTN_JIT_REG_POOL_H_
#define JITATTN_JIT_REG_POOL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/isa.h"
#include "jit/kernel.h"
#include "xbyak/xbyak.h"

namespace jitattn::jit {

// A vector register. Its width is part of the value, so emitters need no templates. Constructed as
// Xmm(Operand::YMM or ZMM, index).
using Vec = Xbyak::Xmm;

enum class RegKind { kVec, kGpr, kMask };

class RegPool;

// Owns registers until destroyed. Movable, so that an emitter can pass a lease on.
template <typename Reg, RegKind kKind>
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept { *this = std::move(other); }
  Lease& operator=(Lease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(regs_, other.regs_);
    return *this;
  }
  ~Lease() { Release(); }

  void Release();
  int size() const { return static_cast<int>(regs_.size()); }
  const Reg& operator[](int i) const { return regs_[i]; }
  const std::vector<Reg>& regs() const { return regs_; }
  operator const Reg&() const { return regs_[0]; }  // a lease of one register acts as that register

 private:
  friend class RegPool;
  RegPool* pool_ = nullptr;
  std::vector<Reg> regs_;
};

using Vecs = Lease<Vec, RegKind::kVec>;
using Gprs = Lease<Xbyak::Reg64, RegKind::kGpr>;
using Opmasks = Lease<Xbyak::Opmask, RegKind::kMask>;

class RegPool {
 public:
  // Holds all vector registers of `isa`, k1–k7 on AVX-512 (k0 encodes "no mask"), and every general
  // register except rsp.
  explicit RegPool(Isa isa);

  // Leases `count` registers. `jitattn show` prints `purpose` beside them. Throws Xbyak::Error if
  // too few are free; the configuration's validation should have prevented that.
  Vecs LeaseVecs(std::string_view purpose, int count = 1);
  Gprs LeaseGprs(std::string_view purpose, int count = 1);
  Opmasks LeaseMasks(std::string_view purpose, int count = 1);
  // Leases a specific register, for the ABI or for instructions with fixed operands.
  Gprs LeaseGpr(std::string_view purpose, const Xbyak::Reg64& reg);

  int free_vecs() const { return Free(RegKind::kVec); }

  // All leases so far, in order and without duplicates.
  const std::vector<RegisterUse>& uses() const { return uses_; }

 private:
  template <typename Reg, RegKind kKind>
  friend class Lease;

  int Free(RegKind kind) const;
  int Take(RegKind kind);
  void Give(RegKind kind, int index) { free_[static_cast<int>(kind)] |= 1u << index; }
  void Note(std::string_view purpose, const std::vector<std::string>& names);
  template <typename Reg, RegKind kKind, typename Make>
  Lease<Reg, kKind> TakeMany(std::string_view purpose, int count, Make make);

  Isa isa_;
  uint32_t free_[3];  // a bit per register, indexed by RegKind
  std::vector<RegisterUse> uses_;
};

template <typename Reg, RegKind kKind>
void Lease<Reg, kKind>::Release() {
  for (const Reg& reg : regs_) pool_->Give(kKind, reg.getIdx());
  regs_.clear();
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_REG_POOL_H_
