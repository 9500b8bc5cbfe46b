// Moves rows between memory and registers: whole vectors, and the partial vector at a row's end.

#ifndef JITATTN_JIT_VECTOR_IO_H_
#define JITATTN_JIT_VECTOR_IO_H_

#include "jit/assembler.h"

namespace jitattn::jit {

// Selects the first lanes of a vector. AVX-512: an opmask. AVX2: a register for vmaskmov whose
// lanes are all ones or all zeros.
class TailMask {
 public:
  static constexpr int VecsNeeded(Isa isa) { return isa == Isa::kAvx512 ? 0 : 1; }

  explicit TailMask(Assembler& a);

  // Selects lanes [0, count), 0 ≤ count ≤ lanes. `count` is a constant or a register other than
  // `temp`, which is clobbered. AVX2 has no masked move of 16-bit elements: VectorIo reads the
  // register `count` again for such types, so the register must keep its value while the mask is in
  // use.
  void Set(int count, const Xbyak::Reg64& temp);
  void Set(const Xbyak::Reg64& count, const Xbyak::Reg64& temp);

  // Selects the lanes outside [first, end), both within 0 … lanes, for Fill and Fma231Outside. Both
  // registers are preserved.
  void SetOutside(const Xbyak::Reg64& first, const Xbyak::Reg64& end, const Xbyak::Reg64& temp);

  // x ← value in the selected lanes; the other lanes are unchanged.
  void Fill(const Vec& x, const Xbyak::Address& value);
  // acc += x·y in the lanes that are *not* selected. The selected lanes are unchanged, whatever y
  // holds there. REQUIRES on AVX2: y is a register, which is clobbered, and x is 0 in the selected
  // lanes.
  void Fma231Outside(const Vec& acc, const Vec& x, const Xbyak::Operand& y);

 private:
  friend class KvIo;
  friend class VectorIo;
  Assembler& a_;
  Vecs vec_;
  Opmasks mask_, outside_;
  // AVX2: the count of the last Set().
  int count_ = -1;  // ≥ 0: a constant
  Xbyak::Reg64 count_reg_;
};

// Whether results below the smallest normal number may become 0. The instruction that rounds to
// bf16 flushes them.
enum class Denormals { kKeep, kMayFlush };

// The rounding of values halfway between two bf16 numbers. Away from zero takes one instruction, to
// even takes five. REQUIRES for kAway: no NaN has a bit set in the dropped half. Results of
// arithmetic on widened elements satisfy this.
enum class Ties { kToEven, kAway };

// Converts between `storage`, the type in memory, and the compute type. 16-bit elements are widened
// exactly, and results are rounded to nearest. NaN stays NaN.
class VectorIo {
 public:
  VectorIo(Assembler& a, DType storage, Denormals denormals = Denormals::kKeep,
           Ties ties = Ties::kToEven);

  // Bytes in memory of an element, and of a vector's worth of elements.
  int elem_bytes() const { return SizeOf(storage_); }
  int vec_bytes() const { return a_.lanes() * elem_bytes(); }
  int pair_alignment() const { return (storage_ == DType::kBF16 ? 2 : 1) * vec_bytes(); }

  // Registers that a Store leases during its emission.
  static int StoreVecsNeeded(Isa isa, DType storage, Ties ties = Ties::kToEven);

  void Load(const Vec& x, const Xbyak::Address& src);
  // A Store of a 16-bit type clobbers x: its bits replace the value.
  void Store(const Xbyak::Address& dst, const Vec& x);
  // Stores past the caches. REQUIRES: `dst` is aligned to vec_bytes().
  void StoreNonTemporal(const Xbyak::Address& dst, const Vec& x);

  // Move two vectors of elements, 2·vec_bytes() of memory. The assignment of elements to x and y
  // depends on the type, but is the same in all three functions. bf16: even elements in `x`, odd
  // ones in `y`, since each is the upper half of a float already or one shift away. Other types: in
  // order.
  void LoadPair(const Vec& x, const Vec& y, const Xbyak::Address& src);
  void StorePair(const Xbyak::Address& dst, const Vec& x, const Vec& y);
  // REQUIRES: `dst` is aligned to pair_alignment().
  void StorePairNonTemporal(const Xbyak::Address& dst, const Vec& x, const Vec& y);

  // x ← the even elements of a vector of memory in y, y ← its odd ones. REQUIRES: bf16.
  void SplitWords(const Vec& x, const Vec& y);

  // Access only the bytes of the selected lanes; Load sets the other lanes to 0.
  void Load(const Vec& x, const Xbyak::Address& src, const TailMask& tail);
  void Store(const Xbyak::Address& dst, const Vec& x, const TailMask& tail);

 private:
  bool narrow() const { return storage_ == DType::kBF16 || storage_ == DType::kF16; }
  // The lower half of x, which holds its elements as in memory.
  Vec Half(const Vec& x) const;
  // x ← the elements at `from` (a register's lower half, or memory), widened.
  void Widen(const Vec& x, const Xbyak::Operand& from);
  // The lower half of x ← x, rounded to the storage type.
  void Narrow(const Vec& x);
  // The upper half of each lane of x ← x, rounded. The lower half is garbage.
  void RoundToBf16(const Vec& x);
  // y ← x and y, rounded, in memory order. Clobbers x.
  void NarrowPair(const Vec& x, const Vec& y);
  Xbyak::Address Next(const Xbyak::Address& at) const;  // one vector further
  void LoadElements(const Xbyak::Xmm& x, const Xbyak::Address& src, const TailMask& tail);
  void StoreElements(const Xbyak::Address& dst, const Xbyak::Xmm& x, const TailMask& tail);
  Xbyak::Address Bits(uint32_t value);  // in every lane

  Assembler& a_;
  const DType storage_;
  const bool rounds_bf16_;  // by vcvtneps2bf16
  const Ties ties_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_VECTOR_IO_H_
