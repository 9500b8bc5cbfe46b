// Moving rows between memory and registers: whole vectors, and the part of one at a row's end.

#ifndef JITATTN_JIT_VECTOR_IO_H_
#define JITATTN_JIT_VECTOR_IO_H_

#include "jit/assembler.h"

namespace jitattn::jit {

// Selects the first lanes of a vector: an opmask on AVX-512, else a register whose lanes are all
// ones or zero, for vmaskmov.
class TailMask {
 public:
  static constexpr int VecsNeeded(Isa isa) { return isa == Isa::kAvx512 ? 0 : 1; }

  explicit TailMask(Assembler& a);

  // Lanes [0, count), 0 ≤ count ≤ lanes, known at emission or held in a register other than
  // `temp`, which is clobbered. AVX2 has no masked move of 16-bit elements: for them VectorIo reads
  // `count` again, which must keep its value for as long.
  void Set(int count, const Xbyak::Reg64& temp);
  void Set(const Xbyak::Reg64& count, const Xbyak::Reg64& temp);

  // Lanes outside [first, end), each of which is in 0 … lanes, for Fill and Fma231Outside. Both
  // registers are preserved.
  void SetOutside(const Xbyak::Reg64& first, const Xbyak::Reg64& end, const Xbyak::Reg64& temp);

  // x ← value in the selected lanes; the others stay.
  void Fill(const Vec& x, const Xbyak::Address& value);
  // acc += x·y in the lanes that are *not* selected. The others stay, whatever y holds there.
  // REQUIRES on AVX2: y is a register, which is clobbered, and x is 0 in the selected lanes.
  void Fma231Outside(const Vec& acc, const Vec& x, const Xbyak::Operand& y);

 private:
  friend class VectorIo;
  Assembler& a_;
  Vecs vec_;
  Opmasks mask_, outside_;
  // AVX2: what was selected.
  int count_ = -1;  // ≥ 0: known at emission
  Xbyak::Reg64 count_reg_;
};

// Whether a result below the smallest normal number may become 0, as the instruction that rounds to
// bf16 has it.
enum class Denormals { kKeep, kMayFlush };

// Where a value goes that lies halfway between two numbers of bf16. Away from zero takes one
// instruction, to the even one five. REQUIRES of kAway: no NaN has bits in the half that is
// dropped; what arithmetic makes of widened elements has none.
enum class Ties { kToEven, kAway };

// Converts between `storage`, the type that memory holds, and the compute type at the edge: 16-bit
// elements widen exactly, and are rounded to the nearest. NaN stays NaN.
class VectorIo {
 public:
  VectorIo(Assembler& a, DType storage, Denormals denormals = Denormals::kKeep,
           Ties ties = Ties::kToEven);

  // In memory: of an element, and of as many as a vector has lanes.
  int elem_bytes() const { return SizeOf(storage_); }
  int vec_bytes() const { return a_.lanes() * elem_bytes(); }
  int pair_alignment() const { return (storage_ == DType::kBF16 ? 2 : 1) * vec_bytes(); }

  // Registers that a Store leases while it is emitted.
  static int StoreVecsNeeded(Isa isa, DType storage, Ties ties = Ties::kToEven);

  void Load(const Vec& x, const Xbyak::Address& src);
  // Every Store of a 16-bit type leaves its bits in x, not the value.
  void Store(const Xbyak::Address& dst, const Vec& x);
  // Past the caches; `dst` aligned to vec_bytes().
  void StoreNonTemporal(const Xbyak::Address& dst, const Vec& x);

  // Two vectors of elements, 2·vec_bytes() of memory. Which of them an element goes to is the
  // type's affair, and the same for all three: bf16 has the even ones in `x`, the odd ones in `y`,
  // each of which is the upper half of a float already or one shift away; the others go in order.
  void LoadPair(const Vec& x, const Vec& y, const Xbyak::Address& src);
  void StorePair(const Xbyak::Address& dst, const Vec& x, const Vec& y);
  // `dst` aligned to pair_alignment().
  void StorePairNonTemporal(const Xbyak::Address& dst, const Vec& x, const Vec& y);

  // Touches only the bytes of the selected lanes; the others load as 0.
  void Load(const Vec& x, const Xbyak::Address& src, const TailMask& tail);
  void Store(const Xbyak::Address& dst, const Vec& x, const TailMask& tail);

 private:
  bool narrow() const { return storage_ == DType::kBF16 || storage_ == DType::kF16; }
  // x's elements as they lie in memory, in its lower half.
  Vec Half(const Vec& x) const;
  // x ← its lower half, from `from`, a register or memory, converted.
  void Widen(const Vec& x, const Xbyak::Operand& from);
  // The lower half of x ← x, rounded.
  void Narrow(const Vec& x);
  // The upper half of each lane of x ← x, rounded; the lower half is left over.
  void RoundToBf16(const Vec& x);
  // y ← both, rounded and in the order of memory. Clobbers x.
  void NarrowPair(const Vec& x, const Vec& y);
  Xbyak::Address Next(const Xbyak::Address& at) const;  // a vector further
  void LoadElements(const Xbyak::Xmm& x, const Xbyak::Address& src, const TailMask& tail);
  void StoreElements(const Xbyak::Address& dst, const Xbyak::Xmm& x, const TailMask& tail);
  Xbyak::Address Bits(uint32_t value);  // in every lane

  Assembler& a_;
  const DType storage_;
  const bool rounds_bf16_;  // by an instruction
  const Ties ties_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_VECTOR_IO_H_
