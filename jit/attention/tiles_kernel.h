// The "tiles" attention kernel: lanes are queries.

#ifndef JITATTN_JIT_ATTENTION_TILES_KERNEL_H_
#define JITATTN_JIT_ATTENTION_TILES_KERNEL_H_

#include "jit/attention/args.h"
#include "jit/attention/tiles_config.h"
#include "jit/kernel.h"

namespace jitattn::jit {

class Assembler;

// Emits void(const AttentionArgs*). REQUIRES: ValidateTiles(config, spec, a.cpu()) is OK.
void EmitTiles(Assembler& a, const AttentionSpec& spec, const TilesConfig& config);

ScratchNeeds TilesScratch(const AttentionSpec& spec, const TilesConfig& config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_TILES_KERNEL_H_
