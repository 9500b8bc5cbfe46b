// Fetches lines of K and V ahead in reading order: the blocks of K and of V alternate.

#ifndef JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_
#define JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// Fetches one line of every page of `rows` rows from `row` on, long before the pages' other lines.
// TLB misses dominate the prefetching; issued together they overlap. `rows` is clobbered; `row` and
// `stride` are in memory.
void EmitFetchPages(const RowsContext& ctx, const Xbyak::Address& row, const Xbyak::Address& stride,
                    const Xbyak::Reg64& rows, int row_bytes);

// A pointer that runs `prefetch` rows ahead of its reader. At the end of the block being read it
// continues at the beginning of the block read next.
class EmitPrefetch {
 public:
  // `row_bytes`: the bytes of a row. Emits nothing if config.prefetch is 0.
  EmitPrefetch(const RowsContext& ctx, int row_bytes);

  bool active() const { return ctx_.config.prefetch > 0; }
  int lines() const { return (row_bytes_ + 63) / 64; }

  // Starts with the reader at `row`, `rows` rows before the end of its block.
  void Start(const Xbyak::Reg64& row, const Xbyak::Reg64& stride, const Xbyak::Reg64& rows);

  // Called before every `rows` rows. At the block's end moves the pointer to the next block, which
  // begins at `next` with rows `next_stride` apart.
  void Turn(int rows, const Xbyak::Address& next, const Xbyak::Address& next_stride);

  // Line() fetches one line of the row ahead (`row` 0) or of the row after it (`row` 1). NextRow()
  // moves the pointer to the next row.
  void Line(int line, int row = 0);
  void NextRow();

 private:
  const RowsContext& ctx_;
  Assembler& a_;
  const int row_bytes_;
  Gprs row_, stride_, rows_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_
