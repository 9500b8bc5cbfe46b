// What a dot product is multiplied by to become a score.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCALE_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCALE_H_

#include "jit/assembler.h"

namespace jitattn::jit {

// to ← scale · unit, the scale of the AttentionArgs, as one element of the compute type, rounded
// once; 64 bits are written. `unit` is EmitScoreParts::unit().
void EmitScale(Assembler& a, const Xbyak::Address& to, double unit);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SCALE_H_
