// Attention in C++, without emitted code.

#ifndef JITATTN_JIT_ATTENTION_PORTABLE_H_
#define JITATTN_JIT_ATTENTION_PORTABLE_H_

#include <cstdint>

#include "jit/attention/spec.h"

namespace jitattn::jit {

// `args` points to an AttentionArgs with its spec and PortableAttentionScratchBytes() of scratch.
// The contract equals the emitted kernels': as exact as a straightforward loop in the compute type;
// NaN where the formula gives NaN; 0 for rows that see no key; hidden keys and values, NaN or not,
// never affect a query.
void RunPortableAttention(const void* args);

// The lanes of this many bytes, in the compute type, are a tile's queries. Keys and values are read
// once per tile.
inline constexpr int kPortableTileBytes = 64;

int64_t PortableAttentionScratchBytes(const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_PORTABLE_H_
