// Fetches lines of K and V ahead.

#include "jit/attention/rows_prefetch.h"

namespace jitattn::jit {

using Xbyak::Address;
using Xbyak::Label;
using Xbyak::Reg64;

// end = row + rows · stride
// for each page from row to end, or for each row if rows are further apart:  fetch its first line
void EmitFetchPages(const RowsContext& ctx, const Address& row, const Address& stride,
                    const Reg64& rows, int row_bytes) {
  if (ctx.config.prefetch == 0) return;
  Assembler& a = ctx.a;
  const Gprs at = a.pool().LeaseGprs("page"), step = a.pool().LeaseGprs("to the next");
  const Reg64& end = rows;
  Label next, done;
  a.mov(at, row);
  a.imul(end, stride);
  a.add(end, at);
  a.mov(step, kMemoryPageBytes);
  if (row_bytes < kMemoryPageBytes) {
    a.cmp(step, stride);
    a.cmovl(step, stride);
  }
  a.cmp(at, end);
  a.jge(done, a.T_NEAR);
  a.L(next);
  a.prefetcht1(a.ptr[at[0]]);
  a.add(at, step);
  a.cmp(at, end);
  a.jl(next, a.T_NEAR);
  a.prefetcht1(a.ptr[end - 1]);  // another page if the first row is not at a page's start
  a.L(done);
}

EmitPrefetch::EmitPrefetch(const RowsContext& ctx, int row_bytes, int rows)
    : ctx_(ctx), a_(ctx.a), row_bytes_(row_bytes) {
  if (!active()) return;
  row_ = a_.pool().LeaseGprs("row fetched ahead");
  if (ctx.spec.paged) {
    second_ = a_.pool().LeaseGprs("row after it", rows - 1);
    entry_ = a_.pool().LeaseGprs("its place in the list");
    return;
  }
  stride_ = a_.pool().LeaseGprs("its stride");
  rows_ = a_.pool().LeaseGprs("rows to the end of its block");
}

void EmitPrefetch::Start(const Reg64& row, const Reg64& stride, const Reg64& rows) {
  if (!active()) return;
  a_.mov(stride_, stride);
  a_.imul(row_, stride, ctx_.config.prefetch);
  a_.add(row_, row);
  a_.lea(rows_, a_.ptr[rows - ctx_.config.prefetch]);
}

void EmitPrefetch::StartInList(const Reg64& entry) {
  if (active()) a_.lea(entry_, a_.ptr[entry + ctx_.config.prefetch * 8]);
}

void EmitPrefetch::LoadRows(int rows) {
  if (!active()) return;
  a_.mov(row_, a_.qword[entry_[0] + moved_]);
  if (rows > 1) a_.mov(second_, a_.qword[entry_[0] + (moved_ + 8)]);
}

void EmitPrefetch::EndStep() {
  if (moved_ > 0) a_.add(entry_, moved_);
  moved_ = 0;
}

// Pages: behind the lists, whose end is that of the known addresses, starts again with the rows of
// K, which are in a cache already.
void EmitPrefetch::Turn(int rows, const Address& next, const Address& next_stride) {
  if (!active()) return;
  if (ctx_.spec.paged) {
    a_.cmp(entry_, ctx_.at(&RowsFrame::list_end));
    a_.cmovge(entry_, ctx_.at(&RowsFrame::k));
    return;
  }
  Label here;
  a_.sub(rows_, rows);
  a_.jns(here, a_.T_NEAR);
  a_.mov(row_, next);
  a_.mov(stride_, next_stride);
  a_.mov(rows_.regs()[0].cvt32(), INT32_MAX);  // a block ends only once
  a_.L(here);
}

void EmitPrefetch::Line(int line, int row) {
  if (!active() || line >= lines()) return;
  if (ctx_.spec.paged) return a_.prefetcht1(a_.ptr[(row == 0 ? row_ : second_)[0] + line * 64]);
  a_.prefetcht1(row == 0 ? a_.ptr[row_[0] + line * 64] : a_.ptr[row_[0] + stride_[0] + line * 64]);
}

void EmitPrefetch::NextRow() {
  if (!active()) return;
  if (ctx_.spec.paged) {
    moved_ += 8;
  } else {
    a_.add(row_, stride_);
  }
}

}  // namespace jitattn::jit
