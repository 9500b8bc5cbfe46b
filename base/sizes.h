// Memory sizes with saturating arithmetic.

#ifndef JITATTN_BASE_SIZES_H_
#define JITATTN_BASE_SIZES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace jitattn::inline base {

// Larger than any object. Sums, products and roundings saturate at this value, so that a single
// comparison before allocation detects every overflow.
inline constexpr int64_t kTooLarge = PTRDIFF_MAX;

// The following three functions REQUIRE that sizes are not negative.
constexpr int64_t SizeSum(std::initializer_list<int64_t> sizes) {
  int64_t sum = 0;
  for (int64_t size : sizes) {
    if (size > kTooLarge - sum) return kTooLarge;
    sum += size;
  }
  return sum;
}

constexpr int64_t SizeProduct(std::initializer_list<int64_t> sizes) {
  for (int64_t size : sizes) {
    if (size == 0) return 0;
  }
  int64_t product = 1;
  for (int64_t size : sizes) {
    if (size > kTooLarge / product) return kTooLarge;
    product *= size;
  }
  return product;
}

// Rounds up to a multiple of `unit`.
constexpr int64_t SizeRoundedUp(int64_t size, int64_t unit) {
  if (size > kTooLarge - (unit - 1)) return kTooLarge;
  return (size + (unit - 1)) / unit * unit;
}

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_SIZES_H_
