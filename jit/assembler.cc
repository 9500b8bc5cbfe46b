// The assembler of all emitters. Only this file chooses instructions by compute type or ISA.

#include "jit/assembler.h"

#include <bit>
#include <cstring>
#include <iterator>
#include <string>

namespace jitattn::jit {
namespace {

using Xbyak::Address;
using Xbyak::Operand;
using Xbyak::Reg64;

// Every kernel saves all of rbx, rbp, r12–r15: six pushes in a call that computes a whole head.
constexpr int kCalleeSaved[] = {Operand::RBX, Operand::RBP, Operand::R12,
                                Operand::R13, Operand::R14, Operand::R15};

// vrndscale, vround: to nearest even, without the inexact exception.
constexpr int kRoundNearest = 8;

}  // namespace

Assembler::Assembler(Isa isa, const Cpu& cpu)
    : Xbyak::CodeGenerator(CodeBuffer::kBytes, CodeBuffer::bytes.get()),
      isa_(isa),
      cpu_(cpu),
      pool_(isa),
      args_lease_(pool_.LeaseGpr("args", Reg64(Operand::RDI))),
      args_(args_lease_[0]) {}

void Assembler::Prolog(DType compute, int frame_bytes) {
  compute_ = compute;
  frame_bytes_ = (frame_bytes + 15) / 16 * 16;
  for (int reg : kCalleeSaved) push(Reg64(reg));
  if (frame_bytes_ > 0) sub(rsp, frame_bytes_);
}

void Assembler::Epilog() {
  if (frame_bytes_ > 0) add(rsp, frame_bytes_);
  for (int i = std::size(kCalleeSaved); i-- > 0;) pop(Reg64(kCalleeSaved[i]));
  vzeroupper();
  ret();
}

// f32 and f64 forms of one operation.
#define JITATTN_OP(Name, op)                                           \
  void Assembler::Name(const Vec& x, const Vec& a, const Operand& b) { \
    compute_ == DType::kF64 ? op##pd(x, a, b) : op##ps(x, a, b);       \
  }
JITATTN_OP(Add, vadd)
JITATTN_OP(Sub, vsub)
JITATTN_OP(Mul, vmul)
JITATTN_OP(Div, vdiv)
JITATTN_OP(Max, vmax)
JITATTN_OP(Min, vmin)
JITATTN_OP(Fma231, vfmadd231)
JITATTN_OP(Fma213, vfmadd213)
JITATTN_OP(Fnma231, vfnmadd231)
JITATTN_OP(And, vand)
JITATTN_OP(AndNot, vandn)
#undef JITATTN_OP

// The xmm idiom clears the whole register without an EVEX prefix. Registers above 15 need EVEX.
void Assembler::Zero(const Vec& x) {
  if (x.getIdx() < 16) {
    const Xbyak::Xmm low(x.getIdx());
    vxorps(low, low, low);
  } else {
    vpxord(x, x, x);
  }
}

void Assembler::Move(const Vec& x, const Vec& a) {
  if (x.getIdx() != a.getIdx()) vmovaps(x, a);
}

void Assembler::Abs(const Vec& x, const Vec& a) {
  std::vector<uint8_t> all_but_sign(vec_bytes(), 0xff);
  for (int i = elem_bytes() - 1; i < vec_bytes(); i += elem_bytes()) all_but_sign[i] = 0x7f;
  And(x, a, ptr[rip + Table(all_but_sign)]);
}

void Assembler::Round(const Vec& x, const Operand& a) {
  const bool f64 = compute_ == DType::kF64;
  if (avx512()) {
    f64 ? vrndscalepd(x, a, kRoundNearest) : vrndscaleps(x, a, kRoundNearest);
  } else {
    f64 ? vroundpd(x, a, kRoundNearest) : vroundps(x, a, kRoundNearest);
  }
}

void Assembler::ShiftLeft(const Vec& x, const Vec& a, int bits) {
  const auto imm = static_cast<uint8_t>(bits);
  compute_ == DType::kF64 ? vpsllq(x, a, imm) : vpslld(x, a, imm);
}

void Assembler::Broadcast(const Vec& x, const Operand& a) {
  const Xbyak::Xmm low(a.isMEM() ? 0 : a.getIdx());  // the source must be an xmm
  const Operand& src = a.isMEM() ? a : static_cast<const Operand&>(low);
  if (compute_ == DType::kF32) {
    vbroadcastss(x, src);
  } else if (x.isZMM()) {  // vbroadcastsd needs the C++ type Ymm
    vbroadcastsd(Xbyak::Zmm(x.getIdx()), src);
  } else {
    vbroadcastsd(Xbyak::Ymm(x.getIdx()), src);
  }
}

void Assembler::BroadcastInteger(const Vec& x, const Xbyak::Reg64& a) {
  const Xbyak::Xmm low(x.getIdx());
  compute_ == DType::kF64 ? vcvtsi2sd(low, low, a) : vcvtsi2ss(low, low, a);
  Broadcast(x, low);
}

void Assembler::LoadVec(const Vec& x, const Address& src) { vmovups(x, src); }
void Assembler::StoreVec(const Address& dst, const Vec& x) { vmovups(dst, x); }

Address Assembler::Const(double value) {
  return Consts(std::vector<double>(static_cast<size_t>(lanes()), value));
}

Address Assembler::Consts(std::span<const double> lanes) {
  std::vector<uint8_t> bytes;
  for (const double value : lanes) {
    const uint64_t bits = compute_ == DType::kF64
                              ? std::bit_cast<uint64_t>(value)
                              : std::bit_cast<uint32_t>(static_cast<float>(value));
    const auto* first = reinterpret_cast<const uint8_t*>(&bits);  // little-endian, as x86 is
    bytes.insert(bytes.end(), first, first + elem_bytes());
  }
  return ptr[rip + Table(bytes)];
}

const Xbyak::Label& Assembler::Table(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> line(bytes.begin(), bytes.end());
  Xbyak::Label*& label = tables_[line];
  if (label == nullptr) label = &pool_lines_.emplace_back(Xbyak::Label(), line).first;
  return *label;
}

void Assembler::AlignCode(int bytes) { nop((bytes - getSize() % bytes) % bytes); }

std::span<const uint8_t> Assembler::Finish() {
  const auto align = [this] {
    while (getSize() % 64 != 0) db(0xCC);  // int3: execution cannot run into the constants
  };
  if (!pool_lines_.empty()) align();
  constants_begin_ = static_cast<uint32_t>(getSize());
  for (auto& [label, bytes] : pool_lines_) {
    align();
    L(label);
    db(bytes.data(), bytes.size());
  }
  ready();
  return {getCode(), getSize()};
}

SectionScope::SectionScope(Assembler& a, std::string_view name)
    : a_(a), index_(a.sections_.size()) {
  const auto begin = static_cast<uint32_t>(a.getSize());
  a.sections_.push_back({std::string(name), begin, begin, a.section_depth_++});
}

SectionScope::~SectionScope() {
  a_.sections_[index_].end = static_cast<uint32_t>(a_.getSize());
  --a_.section_depth_;
}

}  // namespace jitattn::jit
