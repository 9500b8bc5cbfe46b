// Keys and values in pages: the parts of a run of keys, each of which lies in one page.

#ifndef JITATTN_JIT_ATTENTION_EMIT_PAGES_H_
#define JITATTN_JIT_ATTENTION_EMIT_PAGES_H_

#include <cstddef>

#include "jit/assembler.h"
#include "jit/attention/args.h"

namespace jitattn::jit {

// The fields of AttentionArgs for the rows of K or V, or for their scales.
struct PagedRows {
  size_t base, stride, page_stride;
};
inline constexpr PagedRows kPagedKeys = {offsetof(AttentionArgs, k),
                                         offsetof(AttentionArgs, k_stride),
                                         offsetof(AttentionArgs, k_page_stride)};
inline constexpr PagedRows kPagedValues = {offsetof(AttentionArgs, v),
                                           offsetof(AttentionArgs, v_stride),
                                           offsetof(AttentionArgs, v_page_stride)};
inline constexpr PagedRows kPagedKeyScales = {offsetof(AttentionArgs, k_scales),
                                              offsetof(AttentionArgs, k_scale_stride),
                                              offsetof(AttentionArgs, k_scale_page_stride)};
inline constexpr PagedRows kPagedValueScales = {offsetof(AttentionArgs, v_scales),
                                                offsetof(AttentionArgs, v_scale_stride),
                                                offsetof(AttentionArgs, v_scale_page_stride)};

// entry ← address of the table's entry of a key's page; row ← the key's row there. Before, `row` is
// the call's key.
void EmitFindPage(Assembler& a, const Xbyak::Reg64& row, const Xbyak::Reg64& entry);

// body(address, count) for each part of `left` keys, the first of which is row `row` of the page
// *entry: `count` rows from `address` on. body may clobber both. `base` is the address of row 0 of
// page 0. Clobbers `entry`, `row` and `left`, a register or memory. REQUIRES: left > 0.
template <typename Body>
void EmitParts(Assembler& a, const PagedRows& rows, const Xbyak::Operand& base,
               const Xbyak::Reg64& entry, const Xbyak::Reg64& row, const Xbyak::Operand& left,
               Body body) {
  const auto arg = [&](size_t offset) { return a.qword[a.args() + offset]; };
  const Gprs address = a.pool().LeaseGprs("row"), count = a.pool().LeaseGprs("rows of the page");
  Xbyak::Label next;
  a.mov(count, arg(offsetof(AttentionArgs, page_size)));
  a.sub(count, row);
  a.imul(row, arg(rows.stride));
  a.add(row, base);
  a.L(next);
  a.movsxd(address, a.dword[entry]);
  a.add(entry, 4);
  a.imul(address, arg(rows.page_stride));
  a.add(address, row);
  a.cmp(count, left);
  a.cmovg(count, left);
  a.sub(left, count);
  body(address[0], count[0]);
  a.mov(row, base);
  a.mov(count, arg(offsetof(AttentionArgs, page_size)));
  a.cmp(left, 0);
  a.jg(next, a.T_NEAR);
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_PAGES_H_
