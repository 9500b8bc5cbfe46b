// Sizes of memory that do not wrap.

#ifndef JITATTN_BASE_SIZES_H_
#define JITATTN_BASE_SIZES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace jitattn::inline base {

// No object is this large. A sum, product or rounding that would pass it stays here, so that one
// comparison at the end, where memory is asked for, sees them all.
inline constexpr int64_t kTooLarge = PTRDIFF_MAX;

// REQUIRES of all three: sizes are 0 or more.
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

// To whole units.
constexpr int64_t SizeRoundedUp(int64_t size, int64_t unit) {
  if (size > kTooLarge - (unit - 1)) return kTooLarge;
  return (size + unit - 1) / unit * unit;
}

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_SIZES_H_
