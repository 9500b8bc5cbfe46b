// sums[row] += Σ over keys P[key][row] · V[key] for a block of keys; lanes are columns.

#ifndef JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_
#define JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_

#include "jit/attention/rows_layout.h"
#include "jit/attention/rows_prefetch.h"
#include "jit/parts/emit_tile_gemm.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

class EmitWeightedSum {
 public:
  static int VecsNeeded(const RowsConfig& config, const AttentionSpec& spec);

  explicit EmitWeightedSum(const RowsContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Sets the sums to 0.
  void EmitReset();

  // Takes the keys of the current block that every row of the tile sees.
  void EmitBlock();
  // Takes the keys in [first, end), which only some rows see, one by one and only for these rows: V
  // may be NaN where P is 0.
  void EmitDiagonal(int64_t RowsFrame::*first, int64_t RowsFrame::*end);

 private:
  struct Registers;
  void EmitSkipUnseen(Registers& r);
  void EmitColumns(Registers& r, int vecs, bool masked);
  void EmitKeys(Registers& r, EmitTileGemm& gemm, int keys, bool masked, bool ahead);

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_
