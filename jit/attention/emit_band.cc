// Emitted code for the ends of the band of keys that a query sees.

#include "jit/attention/emit_band.h"

#include "jit/attention/args.h"

namespace jitattn::jit {

void EmitBandEnd(Assembler& a, size_t offset, const Xbyak::Reg64& end, const Xbyak::Reg64& temp) {
  a.mov(end, a.qword[a.args() + offset]);
  a.mov(temp, a.qword[a.args() + offsetof(AttentionArgs, kv_len)]);
  a.cmp(end, temp);
  a.cmovg(end, temp);
  a.mov(temp, a.qword[a.args() + offsetof(AttentionArgs, q_rows)]);
  a.neg(temp);
  a.cmp(end, temp);
  a.cmovl(end, temp);
}

}  // namespace jitattn::jit
