// Attention without emitted code.

#ifndef JITATTN_JIT_ATTENTION_PORTABLE_H_
#define JITATTN_JIT_ATTENTION_PORTABLE_H_

#include <cstdint>

#include "jit/attention/spec.h"

namespace jitattn::jit {

// `args` is an AttentionArgs with its spec and PortableAttentionScratchBytes of scratch. The
// results keep the emitted kernels' contract: as exact as a straightforward loop in the compute
// type; NaN where the formula gives NaN; rows that see no key are 0; what a query does not see, NaN
// or not, never reaches it.
void RunPortableAttention(const void* args);

// A tile's queries are the lanes of so many bytes in the compute type; their keys and values are
// read once a tile.
inline constexpr int kPortableTileBytes = 64;

int64_t PortableAttentionScratchBytes(const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_PORTABLE_H_
