// S[key][row] = Q[row] · K[key] for a block of keys; lanes are columns.

#ifndef JITATTN_JIT_ATTENTION_EMIT_DOTS_H_
#define JITATTN_JIT_ATTENTION_EMIT_DOTS_H_

#include "jit/attention/kv_io.h"
#include "jit/attention/rows_layout.h"
#include "jit/attention/rows_prefetch.h"
#include "jit/parts/emit_fold.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

class EmitDots {
 public:
  // A vector of K per key, one of Q, the sums, partial sums waiting in the fold, and scales.
  static int VecsNeeded(const RowsConfig& config, const AttentionSpec& spec);

  explicit EmitDots(const RowsContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Computes the current block's scores for every row of the tile. Scores behind the last key, up
  // to a whole vector, repeat that key's scores.
  void EmitBlock();

 private:
  struct Registers;
  void EmitVector(Registers& r, int together, bool last);
  void EmitLoadAddresses(Registers& r, int key, int together, bool ahead);
  void EmitColumns(Registers& r, int first_key, int together, bool ahead);
  void LoadKey(Registers& r, int first_key, int key, int vec, bool partial);

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_DOTS_H_
