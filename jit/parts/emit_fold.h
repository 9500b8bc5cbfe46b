// Sums across the lanes of vectors.

#ifndef JITATTN_JIT_PARTS_EMIT_FOLD_H_
#define JITATTN_JIT_PARTS_EMIT_FOLD_H_

#include <span>
#include <vector>

#include "jit/assembler.h"

namespace jitattn::jit {

// x ← `from` with lanes i and i ^ distance exchanged. `distance` is a power of two below the number
// of lanes.
void EmitSwapLanes(Assembler& a, const Vec& x, const Vec& from, int distance);

// Horizontal sums of Lanes() vectors; vector i's sum ends in lane i. Merging two vectors of partial
// sums gives one vector with the partial sums of both. Vectors are merged as they arrive, like the
// carries of a binary counter, so at most log2(Lanes()) + 1 partial results are live.
class EmitFold {
 public:
  // Vectors besides the added ones, if `together` vectors are added at once: the waiting partial
  // sums and a temporary.
  static int VecsNeeded(int lanes, int together);

  EmitFold(Assembler& a, int together);

  // Adds the next `together` vectors, which are clobbered.
  void Add(std::span<const Vec> x);

  // The sums. REQUIRES: exactly Lanes() vectors were added. Valid until the next Add().
  const Vec& Result() const { return waiting_[waiting_.size() - 1]; }

 private:
  // x ← the partial sums of x and y, each folded `level` times before.
  void Merge(const Vec& x, const Vec& y, int level);

  Assembler& a_;
  int count_ = 0;  // vectors added
  Vecs waiting_;   // partial sums by level, from that of `together` vectors on
  Vecs temp_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_FOLD_H_
