// "rows": the addresses of the keys and values of a block that lie in pages.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ADDRESSES_H_
#define JITATTN_JIT_ATTENTION_EMIT_ADDRESSES_H_

#include "jit/attention/emit_pages.h"
#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// The lists follow each other in the order in which the rows are read, so that `prefetch` rows
// ahead is `prefetch` entries ahead:
//   a row of K for each key of the block;  a row of V for each;  the rows of K that are read next
// A list costs about a cycle a key in pages of 16 keys, and then an entry is loaded where otherwise
// a stride is added. So the loops over keys need not know where a page ends.
class EmitAddresses {
 public:
  explicit EmitAddresses(const RowsContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Bytes of scratch memory.
  static int64_t Bytes(const RowsConfig& config);

  // Starts the call.
  void EmitFirst();
  // Writes the lists of the current block, and sets Frame::k, v and list_end. Fetches a line of
  // every page of memory of these rows.
  void EmitBlock();

 private:
  void EmitNextKeys(const Xbyak::Reg64& to, const Xbyak::Reg64& entry, const Xbyak::Reg64& row,
                    const Xbyak::Reg64& left);
  void EmitList(const PagedRows& rows, const Xbyak::Operand& base, int row_bytes,
                const Xbyak::Reg64& to, const Xbyak::Reg64& entry, const Xbyak::Reg64& row,
                const Xbyak::Reg64& left);
  int entries() const { return a_.vec_bytes() / 8; }
  Xbyak::Address steps(const PagedRows& rows) const;

  const RowsContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ADDRESSES_H_
