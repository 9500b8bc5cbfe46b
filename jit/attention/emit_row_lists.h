// The rows of a tile: their queries, visible keys and output addresses.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ROW_LISTS_H_
#define JITATTN_JIT_ATTENTION_EMIT_ROW_LISTS_H_

#include "jit/attention/rows_layout.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

class EmitRowLists {
 public:
  explicit EmitRowLists(const RowsContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Starts the run: sets its number of tiles, its first row, and the keys visible to that row.
  void EmitFirst();

  // Writes the next tile's lists (RowsLayout) and packed queries. Rows behind the last one repeat
  // it, so that they hold numbers of the problem.
  void EmitTile();

 private:
  void EmitFirstStart(const Xbyak::Reg64& last, const Xbyak::Reg64& temp);
  void EmitSeen(const Xbyak::Reg64& list, const Xbyak::Reg64& key, const Xbyak::Reg64& temp);
  void EmitPlace(const Xbyak::Reg64& list, const Xbyak::Reg64& head, const Xbyak::Reg64& temp);
  void EmitAddress(const Xbyak::Reg64& list, int64_t in_list, const Xbyak::Reg64& head,
                   size_t head_stride, int64_t RowsFrame::*first, const Xbyak::Reg64& temp);
  void EmitPack(const Xbyak::Reg64& q, const Xbyak::Reg64& to, const Xbyak::Reg64& count,
                const Vec& scale, const Vec& x, const TailMask* tail);

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ROW_LISTS_H_
