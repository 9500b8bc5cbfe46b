// Emitted code for the ends of the band of keys that a query sees (band.h).

#ifndef JITATTN_JIT_ATTENTION_EMIT_BAND_H_
#define JITATTN_JIT_ATTENTION_EMIT_BAND_H_

#include <cstddef>

#include "jit/assembler.h"

namespace jitattn::jit {

// end ← AttentionArgs::left or right, the field `offset` bytes into the arguments. The value is
// clipped to the range that matters (Band::Clipped), so that no sum with it overflows.
void EmitBandEnd(Assembler& a, size_t offset, const Xbyak::Reg64& end, const Xbyak::Reg64& temp);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_BAND_H_
