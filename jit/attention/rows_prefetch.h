// Lines of K and V fetched ahead, in the order in which they will be read: the blocks of the one
// and of the other in turn.

#ifndef JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_
#define JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// The translations of pages are what this fetching waits for most, one at a time: a line of each
// page of `rows` rows from `row` on is fetched at once, long before the others of the page, so that
// they are looked up together. `rows` is clobbered, `row` and `stride` are in memory.
void EmitFetchPages(const RowsContext& ctx, const Xbyak::Address& row, const Xbyak::Address& stride,
                    const Xbyak::Reg64& rows, int row_bytes);

// A pointer that runs `prefetch` rows ahead of its reader. Where it reaches the end of the block
// that is read it goes on at the beginning of the one that is read next.
class EmitPrefetch {
 public:
  // `row_bytes`: of a row. Does nothing at all where the configuration fetches nothing ahead.
  EmitPrefetch(const RowsContext& ctx, int row_bytes);

  bool active() const { return ctx_.config.prefetch > 0; }
  int lines() const { return (row_bytes_ + 63) / 64; }

  // The reader stands at `row`, with `rows` before the end of its block.
  void Start(const Xbyak::Reg64& row, const Xbyak::Reg64& stride, const Xbyak::Reg64& rows);

  // To be called before each `rows` rows: at the block's end on to the next one, which begins at
  // `next` and has its rows `next_stride` apart.
  void Turn(int rows, const Xbyak::Address& next, const Xbyak::Address& next_stride);

  // One line of the row ahead, or of the `row`th after it (0 or 1); on to the next row.
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
