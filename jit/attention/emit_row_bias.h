// "rows": the bias of a block of keys, and the keys that it leaves visible.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ROW_BIAS_H_
#define JITATTN_JIT_ATTENTION_EMIT_ROW_BIAS_H_

#include "jit/attention/emit_bias_elements.h"
#include "jit/attention/emit_key_runs.h"
#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// A block is a run of keys each of which some row of the call sees, under the mask and the bias.
// Keys that no row sees are in no block, so their K and V may be NaN, or unmapped.
//
// Nothing here is emitted for kernels without a bias.
class EmitRowBias {
 public:
  explicit EmitRowBias(const RowsContext& ctx);

  // Emits the subroutines of the other functions, and a jump over them.
  void EmitSubroutines();
  // Moves first_key to the first visible key, or behind the last one. REQUIRES: the tiles' lists.
  void EmitFirst();
  // Sets the block's number of keys, and next_key.
  void EmitBlock();
  // S ← S + bias for the tile's keys of the block.
  void EmitAdd();

 private:
  struct Scan;
  void EmitScan();
  void EmitScanRow(Scan& s, const Xbyak::Reg64& list, bool limited);
  void EmitFill();
  Xbyak::RegExp row_end() const { return ctx_.frame + offsetof(RowsFrame, row_end); }

  const RowsContext& ctx_;
  Assembler& a_;
  EmitBiasElements elements_;
  EmitKeyRuns<RowsContext, RowsFrame> runs_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ROW_BIAS_H_
