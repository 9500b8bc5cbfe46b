// The keys that a query sees.

#ifndef JITATTN_JIT_ATTENTION_BAND_H_
#define JITATTN_JIT_ATTENTION_BAND_H_

#include <algorithm>
#include <cstdint>

#include "jit/attention/spec.h"

namespace jitattn::jit {

// The half-open range [first, end).
struct IndexRange {
  int64_t first = 0, end = 0;

  int64_t size() const { return end - first; }
  bool Has(int64_t i) const { return first <= i && i < end; }
};

// Query i sees the existing keys from i + left to i + right.
struct Band {
  // Beyond any length, and small enough that sums with lengths do not overflow.
  static constexpr int64_t kFar = int64_t{1} << 61;

  int64_t left = -kFar, right = kFar;

  // The given ends as far as `mask` has them; a missing end is at ±kFar.
  static Band Of(Mask mask, int64_t left, int64_t right) {
    return {.left = HasLeftEnd(mask) ? std::clamp(left, -kFar, kFar) : -kFar,
            .right = HasRightEnd(mask) ? std::clamp(right, -kFar, kFar) : kFar};
  }

  // The ends clipped to the range that matters for `queries` queries and `keys` keys.
  Band Clipped(int64_t queries, int64_t keys) const {
    return {.left = std::clamp(left, -queries, keys), .right = std::clamp(right, -queries, keys)};
  }

  // The same band, with queries and keys counted from `first_query` and `first_key` on.
  Band From(int64_t first_query, int64_t first_key) const {
    const int64_t by = first_query - first_key;
    return {.left = left + by, .right = right + by};
  }

  // The keys among `keys` that a query sees, and the queries among `queries` that see a key.
  IndexRange Keys(int64_t query, int64_t keys) const {
    return Between(query + left, query + right, keys);
  }
  IndexRange Queries(int64_t key, int64_t queries) const {
    return Between(key - right, key - left, queries);
  }

  // The number of visible pairs (query, key). In floating point, since the number may be huge.
  double Pairs(int64_t queries, int64_t keys) const {
    const Band band = Clipped(queries, keys);
    if (band.left > band.right) return 0;
    return PairsUpTo(band.right, queries, keys) - PairsUpTo(band.left - 1, queries, keys);
  }

 private:
  static IndexRange Between(int64_t first, int64_t last, int64_t count) {
    const int64_t from = std::clamp<int64_t>(first, 0, count);
    return {from, std::clamp(last + 1, from, count)};
  }

  // The number of pairs with key ≤ query + right. The first queries see no key, the last ones see
  // all `keys`; in between the number grows by 1 per query.
  static double PairsUpTo(int64_t right, int64_t queries, int64_t keys) {
    const int64_t some = std::clamp<int64_t>(-right, 0, queries);
    const int64_t all = std::clamp(keys - right - 1, some, queries);
    const auto between = static_cast<double>(all - some);
    const auto first = static_cast<double>(some + right + 1);
    return between * (2 * first + between - 1) / 2 +
           static_cast<double>(queries - all) * static_cast<double>(keys);
  }
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_BAND_H_
