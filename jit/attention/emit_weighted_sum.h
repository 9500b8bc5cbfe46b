// sums[row] += Σ over keys P[key][row] · V[key] for a block of keys; lanes are columns.

#ifndef JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_
#define JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_

#include "jit/attention/kv_io.h"
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
  // Vectors of columns: those of a register block. `first`: the first one's number, or 0 if run_v
  // moves along the columns.
  struct Columns {
    int first, vecs;
    bool masked;  // the last one ends the row
  };
  void EmitColumns(Registers& r, const Columns& columns);
  void EmitKeys(Registers& r, EmitTileGemm& gemm, int keys, const Columns& columns, bool ahead);
  // A row of V, and the sums to which it is added.
  struct AddedRow {
    const Vec &p, &v, &acc;
    const Xbyak::Reg64 &from, &to, &p_at, &count;
  };
  void EmitAddRow(const AddedRow& row, const TailMask* tail);
  void LoadValue(Registers& r, const Vec& x, int key, int c, const Columns& columns);

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_WEIGHTED_SUM_H_
