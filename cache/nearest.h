// How far apart two records are, when the exact one is missing.

#ifndef JITATTN_CACHE_NEAREST_H_
#define JITATTN_CACHE_NEAREST_H_

#include <optional>

#include "cache/record.h"

namespace jitattn::cache {

// Σ |log2(a ÷ b)| over the lengths: 0 for the same key, 1 for one length twice the other. None
// where spec, threads, isa or buffers differ, or any length differs by more than a factor of two: a
// configuration from further away may well be slower than the heuristic's.
//
// Lengths are q_len, kv_len, batch · heads (independent pieces of work) and batch · kv_heads (how
// much of K and V there is); of sigmoid-mul, rows · cols.
std::optional<double> Distance(const Key& a, const Key& b);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_NEAREST_H_
