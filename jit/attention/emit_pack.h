// Packs queries: scales them and transposes them into lanes.

#ifndef JITATTN_JIT_ATTENTION_EMIT_PACK_H_
#define JITATTN_JIT_ATTENTION_EMIT_PACK_H_

#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Qt[d][r] = scale · Q[r][d] for the tile's rows. Lanes behind the last row repeat it, so that they
// hold numbers of the problem and cannot introduce NaN. `state` is preserved.
void EmitPackQueries(const TilesContext& ctx, const Xbyak::Reg64& state);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_PACK_H_
