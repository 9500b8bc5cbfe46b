// The assembler of all emitters. One code path serves both ISAs and both compute types. The code is
// position-independent and lies in a heap buffer, followed by its constants.

#ifndef JITATTN_JIT_ASSEMBLER_H_
#define JITATTN_JIT_ASSEMBLER_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "base/dtype.h"
#include "jit/kernel.h"
#include "jit/reg_pool.h"
#include "xbyak/xbyak.h"

namespace jitattn::jit {

namespace internal {

// The first base class, since the CodeGenerator's constructor needs the buffer. Untouched pages
// cost no memory.
struct CodeBuffer {
  static constexpr size_t kBytes = 1 << 20;
  std::unique_ptr<uint8_t[]> bytes{new uint8_t[kBytes]};
};

}  // namespace internal

class Assembler : private internal::CodeBuffer, public Xbyak::CodeGenerator {
 public:
  // The buffer is ordinary memory. (Xbyak's default buffer is writable and executable at once.) The
  // caller copies the result of Finish() to executable pages.
  Assembler(Isa isa, const Cpu& cpu);

  Isa isa() const { return isa_; }
  bool avx512() const { return isa_ == Isa::kAvx512; }
  const Cpu& cpu() const { return cpu_; }
  RegPool& pool() { return pool_; }

  // ---- Function frame, System V: void(const Args*) ----

  // Saves the callee-saved registers, reserves `frame_bytes` at rsp, and sets the compute type: the
  // type of Add, Fma231, Const and so on. The type in memory may differ (VectorIo).
  void Prolog(DType compute, int frame_bytes = 0);
  void Epilog();
  // The function's argument. Its register is leased for the whole function.
  const Xbyak::Reg64& args() const { return args_; }

  DType compute() const { return compute_; }
  int elem_bytes() const { return SizeOf(compute_); }
  int vec_bytes() const { return VecBytes(isa_); }
  int lanes() const { return vec_bytes() / elem_bytes(); }

  // ---- Operations on vectors of the compute type; `b` may be in memory ----

  void Add(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Sub(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Mul(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Div(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  // MAXPS and MINPS return `b` if either operand is NaN. Pass the value whose NaN must survive as
  // `b`.
  void Max(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Min(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Fma231(const Vec& x, const Vec& a, const Xbyak::Operand& b);   // x += a·b
  void Fma213(const Vec& x, const Vec& a, const Xbyak::Operand& b);   // x = a·x + b
  void Fnma231(const Vec& x, const Vec& a, const Xbyak::Operand& b);  // x −= a·b
  void And(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void AndNot(const Vec& x, const Vec& a, const Xbyak::Operand& b);  // x = ~a & b
  void Abs(const Vec& x, const Vec& a);
  void Zero(const Vec& x);
  void Move(const Vec& x, const Vec& a);
  void Round(const Vec& x, const Xbyak::Operand& a);     // to the nearest integer, ties to even
  void ShiftLeft(const Vec& x, const Vec& a, int bits);  // each lane as an integer
  // Copies one element of the compute type, in memory or in lane 0 of a register, to every lane.
  void Broadcast(const Vec& x, const Xbyak::Operand& a);
  // Rounds an integer to the compute type and copies it to every lane.
  void BroadcastInteger(const Vec& x, const Xbyak::Reg64& a);
  // Loads or stores a whole vector of the compute type at any alignment.
  void LoadVec(const Vec& x, const Xbyak::Address& src);
  void StoreVec(const Xbyak::Address& dst, const Vec& x);

  // ---- Constants: 64-byte lines behind the code, addressed relative to rip ----

  // Returns the address of a full vector with `value` in every lane.
  Xbyak::Address Const(double value);
  // Returns the address of a vector with one value per lane.
  Xbyak::Address Consts(std::span<const double> lanes);
  // Stores arbitrary bytes. Returns their label, for `lea(reg, ptr[rip + label])`.
  const Xbyak::Label& Table(std::span<const uint8_t> bytes);

  // ---- Control ----

  // Pads the code to a multiple of `bytes` from its start. (Xbyak's align() counts from the
  // buffer's address, so the emitted bytes would depend on that address.)
  void AlignCode(int bytes);

  // Emits body() for `times` executions: nothing, straight code, or a loop that counts `i` down.
  template <typename Body>
  void Repeat(const Xbyak::Reg64& i, int64_t times, Body body) {
    if (times <= 0) return;
    if (times == 1) return body();
    Xbyak::Label top;
    mov(i, times);
    L(top);
    body();
    dec(i);
    jnz(top, T_NEAR);
  }

  // while (n >= step) { body(); n -= step; }    n signed
  template <typename Body>
  void WhileAtLeast(const Xbyak::Reg64& n, int step, Body body) {
    Xbyak::Label top, end;
    cmp(n, step);
    jl(end, T_NEAR);
    L(top);
    body();
    sub(n, step);
    cmp(n, step);
    jge(top, T_NEAR);
    L(end);
  }

  // x ← min(max(x, 0), high). `high` is a number, a register or memory.
  template <typename High>
  void Clamp(const Xbyak::Reg64& x, const High& high, const Xbyak::Reg64& temp) {
    xor_(temp.cvt32(), temp.cvt32());
    test(x, x);
    cmovs(x, temp);
    mov(temp, high);
    cmp(x, temp);
    cmovg(x, temp);
  }

  // ---- Result ----

  // Appends the constants and resolves every label. REQUIRES: called once, after the last
  // instruction.
  std::span<const uint8_t> Finish();
  const std::vector<Section>& sections() const { return sections_; }
  // Offset of the constants, behind all code and its padding. REQUIRES: after Finish().
  uint32_t constants_begin() const { return constants_begin_; }
  const std::vector<RegisterUse>& registers() const { return pool_.uses(); }

 private:
  friend class SectionScope;

  Isa isa_;
  Cpu cpu_;
  RegPool pool_;
  Gprs args_lease_;
  Xbyak::Reg64 args_;
  DType compute_ = DType::kF32;
  int frame_bytes_ = 0;
  std::map<std::vector<uint8_t>, Xbyak::Label*> tables_;  // equal constants are stored once
  std::list<std::pair<Xbyak::Label, std::vector<uint8_t>>> pool_lines_;  // in order of first use
  std::vector<Section> sections_;
  uint32_t constants_begin_ = 0;
  int section_depth_ = 0;
};

// Gives a name to the code emitted during the object's lifetime.
class SectionScope {
 public:
  SectionScope(Assembler& a, std::string_view name);
  ~SectionScope();
  SectionScope(const SectionScope&) = delete;

 private:
  Assembler& a_;
  size_t index_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ASSEMBLER_H_
