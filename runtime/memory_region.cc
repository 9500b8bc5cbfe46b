// The addresses that a strided operand covers.

#include "runtime/memory_region.h"

#include <cstdlib>
#include <numeric>

namespace jitattn::runtime {
namespace {

// Interleaved operands, such as a token's q, k, v and out side by side in one buffer, cover the
// same range of addresses and share none. All rows of a region lie at base + a multiple of the
// greatest common divisor of its strides; dimensions that adjoin are one long row first, else
// heads of 64 in a row of 1024 would leave 64 for the divisor.
struct Lattice {
  int64_t row_bytes;
  int64_t divisor = 0;  // 0: a single row

  explicit Lattice(const MemoryRegion& region) : row_bytes(region.row_bytes) {
    bool merged[3] = {false, false, false};
    for (bool again = true; again;) {
      again = false;
      for (int d = 0; d < 3; ++d) {
        if (!merged[d] && region.count[d] > 1 && region.stride[d] == row_bytes) {
          row_bytes *= region.count[d];
          merged[d] = again = true;
        }
      }
    }
    for (int d = 0; d < 3; ++d) {
      if (!merged[d] && region.count[d] > 1) divisor = std::gcd(divisor, region.stride[d]);
    }
  }
};

}  // namespace

bool MayOverlap(const MemoryRegion& a, const MemoryRegion& b) {
  if (a.high <= b.low || b.high <= a.low) return false;
  const Lattice la(a), lb(b);
  const int64_t divisor = std::gcd(la.divisor, lb.divisor);
  if (divisor == 0) return true;  // two single rows whose ranges meet
  // On a circle of `divisor` bytes, b's row begins `from` bytes after a's.
  const int64_t distance = reinterpret_cast<intptr_t>(b.base) - reinterpret_cast<intptr_t>(a.base);
  const int64_t from = (distance % divisor + divisor) % divisor;
  return from < la.row_bytes || from + lb.row_bytes > divisor;
}

bool OverlapsItself(const MemoryRegion& region) {
  for (int d = 0; d < 3; ++d) {
    if (region.count[d] <= 1) continue;
    if (std::llabs(region.stride[d]) < region.row_bytes) return true;
    for (int e = 0; e < d; ++e) {
      if (region.count[e] > 1 && std::llabs(region.stride[d]) == std::llabs(region.stride[e])) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace jitattn::runtime
