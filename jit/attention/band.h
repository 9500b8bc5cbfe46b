// The keys that a query sees.

#ifndef JITATTN_JIT_ATTENTION_BAND_H_
#define JITATTN_JIT_ATTENTION_BAND_H_

#include <algorithm>
#include <cstdint>

#include "jit/attention/spec.h"

namespace jitattn::jit {

// Indices from `first` on, before `end`.
struct IndexRange {
  int64_t first = 0, end = 0;

  int64_t size() const { return end - first; }
  bool Has(int64_t i) const { return first <= i && i < end; }
};

// Query i sees the keys from i + left to i + right, as far as there are such keys.
struct Band {
  // Beyond any length; sums of it and lengths do not overflow.
  static constexpr int64_t kFar = int64_t{1} << 61;

  int64_t left = -kFar, right = kFar;

  // The ends that `mask` has, of the two that are given; the other ones are far.
  static Band Of(Mask mask, int64_t left, int64_t right) {
    return {.left = HasLeftEnd(mask) ? std::clamp(left, -kFar, kFar) : -kFar,
            .right = HasRightEnd(mask) ? std::clamp(right, -kFar, kFar) : kFar};
  }

  // The ends moved to where they stop making a difference to so many queries and keys.
  Band Clipped(int64_t queries, int64_t keys) const {
    return {.left = std::clamp(left, -queries, keys), .right = std::clamp(right, -queries, keys)};
  }

  // The same keys for the same queries, counted from these on.
  Band From(int64_t first_query, int64_t first_key) const {
    const int64_t by = first_query - first_key;
    return {.left = left + by, .right = right + by};
  }

  // Of `keys` keys those that the query sees; of `queries` queries those that see the key.
  IndexRange Keys(int64_t query, int64_t keys) const {
    return Between(query + left, query + right, keys);
  }
  IndexRange Queries(int64_t key, int64_t queries) const {
    return Between(key - right, key - left, queries);
  }

  // How many of the pairs (query, key) are seen. In floating point: their number may be huge.
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

  // Pairs with key ≤ query + right. The first queries see none, the last ones all `keys`, and from
  // one to the next of those between the number grows by 1.
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
