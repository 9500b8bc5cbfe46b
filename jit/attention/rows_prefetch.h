// Fetches lines of K and V ahead in reading order: the blocks of K and of V alternate.

#ifndef JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_
#define JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

inline constexpr int kMemoryPageBytes = 4096;

// Fetches one line of every page of `rows` rows from `row` on, long before the pages' other lines.
// TLB misses dominate the prefetching; issued together they overlap. `rows` is clobbered; `row` and
// `stride` are in memory.
void EmitFetchPages(const RowsContext& ctx, const Xbyak::Address& row, const Xbyak::Address& stride,
                    const Xbyak::Reg64& rows, int row_bytes);

// A pointer that runs `prefetch` rows ahead of its reader. At the end of the block being read it
// continues at the beginning of the block read next.
//
// Pages: the pointer runs through the lists of addresses (EmitAddresses). Then StartInList replaces
// Start, LoadRows comes before the lines of a row, and EndStep at the end of the code of a step.
class EmitPrefetch {
 public:
  // `row_bytes`: the bytes of a row; `rows`: 2 if LoadRows and Line take two. Emits nothing if
  // config.prefetch is 0.
  EmitPrefetch(const RowsContext& ctx, int row_bytes, int rows = 1);

  bool active() const { return ctx_.config.prefetch > 0; }
  int lines() const { return (row_bytes_ + 63) / 64; }

  // Starts with the reader at `row`, `rows` rows before the end of its block.
  void Start(const Xbyak::Reg64& row, const Xbyak::Reg64& stride, const Xbyak::Reg64& rows);

  void StartInList(const Xbyak::Reg64& entry);

  // Called before every `rows` rows. At the block's end moves the pointer to the next block, which
  // begins at `next` with rows `next_stride` apart.
  void Turn(int rows, const Xbyak::Address& next, const Xbyak::Address& next_stride);

  // Pages: loads the addresses of the row ahead, and with `rows` 2 of the row after it.
  void LoadRows(int rows);
  void EndStep();

  // Line() fetches one line of the row ahead (`row` 0) or of the row after it (`row` 1). NextRow()
  // moves the pointer to the next row.
  void Line(int line, int row = 0);
  void NextRow();

 private:
  const RowsContext& ctx_;
  Assembler& a_;
  const int row_bytes_;
  // Pages: the rows ahead, and the entry of the first one in the lists.
  Gprs row_, stride_, rows_, second_, entry_;
  int moved_ = 0;  // bytes from entry_ to the entry of the row ahead
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_PREFETCH_H_
