// Sums across the lanes of vectors.

#ifndef JITATTN_JIT_PARTS_EMIT_FOLD_H_
#define JITATTN_JIT_PARTS_EMIT_FOLD_H_

#include <span>
#include <vector>

#include "jit/assembler.h"

namespace jitattn::jit {

// x ← x with lanes i and i ^ distance exchanged; `distance` a power of two below the lanes.
void EmitSwapLanes(Assembler& a, const Vec& x, const Vec& from, int distance);

// Sums of whole vectors, as many as there are lanes: vector i's sum ends up in lane i. Two vectors
// of partial sums make one of as many partial sums of both, as in a merge sort, and they meet like
// the digits of a binary counter: few of them wait at any time.
class EmitFold {
 public:
  // Vectors beside those that are added: partial sums that wait, when `together` are added at once.
  static int VecsNeeded(int lanes, int together);

  EmitFold(Assembler& a, int together);

  // The next vectors, `together` of them; clobbered.
  void Add(std::span<const Vec> x);

  // The sums, once as many vectors as there are lanes were added; until the next Add().
  const Vec& Result() const { return waiting_[waiting_.size() - 1]; }

 private:
  // x ← partial sums of x and y, which were folded `level` times.
  void Merge(const Vec& x, const Vec& y, int level);

  Assembler& a_;
  int count_ = 0;  // vectors added
  Vecs waiting_;   // by level, from that of `together` vectors on
  Vecs temp_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_FOLD_H_
