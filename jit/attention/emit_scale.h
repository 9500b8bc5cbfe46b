// The factor from dot products to scores.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCALE_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCALE_H_

#include "jit/assembler.h"

namespace jitattn::jit {

// to ← scale · unit as one element of the compute type, rounded once. `scale` is in the
// AttentionArgs, `unit` is EmitScoreParts::unit(). Writes 64 bits.
void EmitScale(Assembler& a, const Xbyak::Address& to, double unit);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SCALE_H_
