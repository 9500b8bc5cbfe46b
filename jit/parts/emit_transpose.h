// Transposes a square of elements in registers.

#ifndef JITATTN_JIT_PARTS_EMIT_TRANSPOSE_H_
#define JITATTN_JIT_PARTS_EMIT_TRANSPOSE_H_

#include <vector>

#include "jit/assembler.h"

namespace jitattn::jit {

// Transposes lanes × lanes elements, one row per register, with one spare register. Every step
// reads two registers and writes the spare and the second one; then the first one is the spare.
class EmitTranspose {
 public:
  static int VecsNeeded(int lanes) { return lanes + 1; }

  EmitTranspose(Assembler& a, std::string_view purpose);

  // The register of row i before Emit(), of column i after it.
  const Vec& operator[](int i) const { return rows_[i]; }
  void Emit();

 private:
  // (x, y) ← (low(x, y), high(x, y))
  template <typename Low, typename High>
  void Pair(int x, int y, Low low, High high);
  void TransposeWithinLanes();
  void TransposeLanes();

  Assembler& a_;
  Vecs lease_;
  std::vector<Vec> rows_;
  Vec spare_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_TRANSPOSE_H_
