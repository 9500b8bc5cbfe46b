// Queries, scaled and transposed into lanes.

#ifndef JITATTN_JIT_ATTENTION_EMIT_PACK_H_
#define JITATTN_JIT_ATTENTION_EMIT_PACK_H_

#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Qt[d][r] = scale · Q[r][d] for the tile's rows. Lanes past the last row repeat it, so
// that they hold numbers of the problem and never raise a NaN of their own. `state` is preserved.
void EmitPackQueries(const TilesContext& ctx, const Xbyak::Reg64& state);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_PACK_H_
