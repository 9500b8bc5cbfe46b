// Keys and values in scratch, row to row; those of a 16-bit type as floats.

#ifndef JITATTN_JIT_ATTENTION_EMIT_STAGE_H_
#define JITATTN_JIT_ATTENTION_EMIT_STAGE_H_

#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Copies all keys that any query of this call sees, and their values: a loop that costs a twentieth
// of one tile's products at head size 64, and is done once for all tiles of the call. Rows that are
// far apart, as where many heads lie side by side, are each in a page of their own and a few of the
// caches' sets; their copies are not.
void EmitStage(const TilesContext& ctx);

// keys, values ← where the loops over them begin.
void EmitStagedAddresses(const TilesContext& ctx, const Xbyak::Reg64& keys,
                         const Xbyak::Reg64& values);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_STAGE_H_
