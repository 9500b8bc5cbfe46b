// The constants of an emitter: the first declared live in registers, the others in memory.

#ifndef JITATTN_JIT_PARTS_CONSTANT_SET_H_
#define JITATTN_JIT_PARTS_CONSTANT_SET_H_

#include <algorithm>
#include <map>

#include "jit/assembler.h"

namespace jitattn::jit {

// Names are the values of an emitter's enum, in order of priority for registers.
class ConstantSet {
 public:
  explicit ConstantSet(Assembler& a) : a_(a) {}

  void Declare(int name, double value) { Declare(name, a_.Const(value)); }
  void Declare(int name, const Xbyak::Address& address) { memory_.emplace(name, address); }

  // Leases up to `most` registers for the constants declared so far.
  void Hold(int most) {
    const int count = std::clamp<int>(most, 0, static_cast<int>(memory_.size()));
    regs_ = a_.pool().LeaseVecs("constants", count);
    int next = 0;
    for (const auto& [name, address] : memory_) {
      if (next < count) held_.emplace(name, regs_[next++]);
    }
  }
  // Loads the registers; called once, before the loop.
  void Load() {
    for (const auto& [name, reg] : held_) a_.LoadVec(reg, memory_.at(name));
  }

  // The constant's register, or its memory operand.
  const Xbyak::Operand& operator[](int name) const {
    const auto it = held_.find(name);
    if (it != held_.end()) return it->second;
    return memory_.at(name);
  }

 private:
  Assembler& a_;
  std::map<int, Xbyak::Address> memory_;
  std::map<int, Vec> held_;
  Vecs regs_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_CONSTANT_SET_H_
