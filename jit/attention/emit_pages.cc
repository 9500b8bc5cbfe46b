// Keys and values in pages: the parts of a run of keys, each of which lies in one page.

#include "jit/attention/emit_pages.h"

namespace jitattn::jit {

using Xbyak::Reg64;

// A quotient of doubles, rounded down, is exact below 2^53, and needs no register of its own.
void EmitFindPage(Assembler& a, const Reg64& row, const Reg64& entry) {
  const auto arg = [&](size_t offset) { return a.qword[a.args() + offset]; };
  const Vecs lease = a.pool().LeaseVecs("key", 2);
  const Xbyak::Xmm key(lease[0].getIdx()), size(lease[1].getIdx());
  a.add(row, arg(offsetof(AttentionArgs, page_row)));
  a.vxorps(key, key, key);
  a.vcvtsi2sd(size, key, arg(offsetof(AttentionArgs, page_size)));
  a.vcvtsi2sd(key, key, row);
  a.vdivsd(key, key, size);
  a.vcvttsd2si(entry, key);
  const Gprs whole = a.pool().LeaseGprs("rows of the pages before");
  a.mov(whole, entry);
  a.imul(whole, arg(offsetof(AttentionArgs, page_size)));
  a.sub(row, whole);
  a.shl(entry, 2);
  a.add(entry, arg(offsetof(AttentionArgs, block_table)));
}

}  // namespace jitattn::jit
