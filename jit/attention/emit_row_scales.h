// The scales of a block's keys and values, in the order of the scores.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ROW_SCALES_H_
#define JITATTN_JIT_ATTENTION_EMIT_ROW_SCALES_H_

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// Copies scales from their arrays to scratch (RowsLayout), at a constant distance from the scores
// of their keys. One scale a key multiplies the key's scores, or its weights: products with the
// row need no multiplication for each element.
class EmitRowScales {
 public:
  explicit EmitRowScales(const RowsContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Copies the scales of the current block's keys and values.
  void EmitBlock();
  // P ← P · scale of the value, if there is one for each value. l sums P as it was.
  void EmitToWeights();

 private:
  void EmitPages();
  void EmitRecord(const KvRow& row, const Xbyak::Reg64& from, const Xbyak::RegExp& to,
                  const Xbyak::Reg64& temp, const Vec& all);

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ROW_SCALES_H_
