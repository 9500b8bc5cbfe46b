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
  // `temp`, which is clobbered.
  void Set(int count, const Xbyak::Reg64& temp);
  void Set(const Xbyak::Reg64& count, const Xbyak::Reg64& temp);

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
};

// Converts between the type memory holds and the compute type at the edge.
class VectorIo {
 public:
  explicit VectorIo(Assembler& a) : a_(a) {}

  void Load(const Vec& x, const Xbyak::Address& src);
  void Store(const Xbyak::Address& dst, const Vec& x);
  // Past the caches; `dst` aligned to the vector.
  void StoreNonTemporal(const Xbyak::Address& dst, const Vec& x);

  // Touches only the bytes of the selected lanes; the others load as 0.
  void Load(const Vec& x, const Xbyak::Address& src, const TailMask& tail);
  void Store(const Xbyak::Address& dst, const Vec& x, const TailMask& tail);

 private:
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_VECTOR_IO_H_
