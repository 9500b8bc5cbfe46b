// The ends of the band of keys that a query sees (band.h), as emitted code has them.

#ifndef JITATTN_JIT_ATTENTION_EMIT_BAND_H_
#define JITATTN_JIT_ATTENTION_EMIT_BAND_H_

#include <cstddef>

#include "jit/assembler.h"

namespace jitattn::jit {

// end ← AttentionArgs::left or right, which lies `offset` bytes behind the arguments' address,
// clipped to where it stops making a difference (Band::Clipped), so that no sum with it overflows.
void EmitBandEnd(Assembler& a, size_t offset, const Xbyak::Reg64& end, const Xbyak::Reg64& temp);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_BAND_H_
