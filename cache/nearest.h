// The distance between records, for problems without an exact one.

#ifndef JITATTN_CACHE_NEAREST_H_
#define JITATTN_CACHE_NEAREST_H_

#include <optional>

#include "cache/record.h"

namespace jitattn::cache {

// Σ |log2(a ÷ b)| over the lengths: 0 for the same key, 1 if one length is twice the other. None if
// code, threads, isa or buffers differ, or if any length differs by more than a factor of two: such
// a configuration may well be slower than the heuristic's.
//
// The lengths are Operation::extents, and the widths of windows and chunks. Attention: q_len,
// kv_len, batch · heads (independent pieces of work) and batch · kv_heads (the amount of K and V).
// Sigmoid-mul: rows · cols.
std::optional<double> Distance(const Key& a, const Key& b);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_NEAREST_H_
