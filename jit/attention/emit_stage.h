// Stages keys and values: copies them, from pages too, into scratch as contiguous rows of the
// compute type, or floats as pairs of bf16.

#ifndef JITATTN_JIT_ATTENTION_EMIT_STAGE_H_
#define JITATTN_JIT_ATTENTION_EMIT_STAGE_H_

#include "jit/attention/emit_bias.h"
#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Copies all keys that any query of this call sees, and their values, once for all tiles of the
// call. REQUIRES, if there is a bias: bias.EmitReset(). The copy costs a twentieth of one tile's
// products at head size 64. Rows that are far apart, as with many interleaved heads, each occupy a
// page of their own and map to a few cache sets; their copies do not.
void EmitStage(const TilesContext& ctx, EmitBias& bias);

// keys, values ← the addresses where the loops over them begin.
void EmitStagedAddresses(const TilesContext& ctx, const Xbyak::Reg64& keys,
                         const Xbyak::Reg64& values);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_STAGE_H_
