// The assembler that kernels are emitted with: one code path for both ISAs and both compute types,
// position-independent code in a plain heap buffer, constants behind it.

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

// Stands before CodeGenerator among the bases, so that the buffer exists when that is constructed.
// Untouched pages of it cost nothing.
struct CodeBuffer {
  static constexpr size_t kBytes = 1 << 20;
  std::unique_ptr<uint8_t[]> bytes{new uint8_t[kBytes]};
};

}  // namespace internal

class Assembler : private internal::CodeBuffer, public Xbyak::CodeGenerator {
 public:
  // Xbyak's own default is a buffer that is writable and executable at once; ours is neither mapped
  // nor protected here: whoever loads the code copies Finish() to pages of its own.
  Assembler(Isa isa, const Cpu& cpu);

  Isa isa() const { return isa_; }
  bool avx512() const { return isa_ == Isa::kAvx512; }
  const Cpu& cpu() const { return cpu_; }
  RegPool& pool() { return pool_; }

  // ---- Function frame, System V: void(const Args*) ----

  // Saves the callee-saved registers, makes room for `frame_bytes` at rsp, and fixes the compute
  // type (that of Add, Fma, Const …; what memory holds may differ).
  void Prolog(DType compute, int frame_bytes = 0);
  void Epilog();
  // The argument; leased for the whole function.
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
  // MAXPS and MINPS give `b` where either is NaN: put the value whose NaN must survive there.
  void Max(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Min(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void Fma231(const Vec& x, const Vec& a, const Xbyak::Operand& b);   // x += a·b
  void Fma213(const Vec& x, const Vec& a, const Xbyak::Operand& b);   // x = a·x + b
  void Fnma231(const Vec& x, const Vec& a, const Xbyak::Operand& b);  // x −= a·b
  void And(const Vec& x, const Vec& a, const Xbyak::Operand& b);
  void AndNot(const Vec& x, const Vec& a, const Xbyak::Operand& b);  // x = ~a & b
  void Zero(const Vec& x);
  void Move(const Vec& x, const Vec& a);
  void Round(const Vec& x, const Xbyak::Operand& a);     // to the nearest integer, ties to even
  void ShiftLeft(const Vec& x, const Vec& a, int bits);  // of each lane as an integer
  // One element of the compute type to every lane, from memory or from lane 0 of a register.
  void Broadcast(const Vec& x, const Xbyak::Operand& a);
  // An integer, rounded to an element of the compute type, to every lane.
  void BroadcastInteger(const Vec& x, const Xbyak::Reg64& a);
  // Whole vectors of the compute type, unaligned.
  void LoadVec(const Vec& x, const Xbyak::Address& src);
  void StoreVec(const Xbyak::Address& dst, const Vec& x);

  // ---- Constants: 64-byte lines behind the code, addressed relative to rip ----

  // `value` in every lane, as a full vector.
  Xbyak::Address Const(double value);
  // A value for each lane.
  Xbyak::Address Consts(std::span<const double> lanes);
  // Any bytes; the label stands before them, for `lea(reg, ptr[rip + label])`.
  const Xbyak::Label& Table(std::span<const uint8_t> bytes);

  // ---- Control ----

  // Pads to a multiple of `bytes` from the start of the code. (Xbyak's align() counts from the
  // buffer's address, which is no property of the code.)
  void AlignCode(int bytes);

  // body() `times` times: none, straight, or a loop that counts `i` down.
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

  // x ← min(max(x, 0), high); `high` a number, a register or memory.
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

  // Appends the constants and resolves every label. Call once; nothing may be emitted after.
  std::span<const uint8_t> Finish();
  const std::vector<Section>& sections() const { return sections_; }
  // Where the constants begin, after Finish(): all of the code and its padding lie before.
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

// Names what is emitted while it lives.
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
