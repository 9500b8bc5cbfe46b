// The addresses that a strided operand covers.

#include "ops/memory_region.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace jitattn::ops {
namespace {

// Interleaved operands, such as q, k, v and out of each token side by side in one buffer, cover the
// same range of addresses but share no byte. Every row of a region lies at base + a multiple of the
// greatest common divisor of the strides. Contiguous dimensions are merged into one long row first:
// otherwise heads of 64 within a row of 1024 would reduce the divisor to 64.
struct Lattice {
  int64_t row_bytes;
  int64_t divisor = 0;  // 0: a single row

  explicit Lattice(const MemoryRegion& region) : row_bytes(region.row_bytes) {
    bool merged[MemoryRegion::kAxes] = {};
    for (bool again = true; again;) {
      again = false;
      for (int d = 0; d < MemoryRegion::kAxes; ++d) {
        if (!merged[d] && region.count[d] > 1 && region.stride[d] == row_bytes) {
          row_bytes *= region.count[d];
          merged[d] = again = true;
        }
      }
    }
    for (int d = 0; d < MemoryRegion::kAxes; ++d) {
      if (!merged[d] && region.count[d] > 1) divisor = std::gcd(divisor, region.stride[d]);
    }
  }
};

// The region with rows that cover everything between their first and their last element.
MemoryRegion Spanned(MemoryRegion region) {
  const int64_t span = (region.count[3] - 1) * region.stride[3];
  region.base = static_cast<const char*>(region.base) + std::min<int64_t>(span, 0);
  region.row_bytes += std::llabs(span);
  region.count[3] = 1;
  return region;
}

// Whether the rows are apart on a circle whose length divides all strides.
bool AreApart(const MemoryRegion& a, const MemoryRegion& b) {
  const Lattice la(a), lb(b);
  const int64_t divisor = std::gcd(la.divisor, lb.divisor);
  if (divisor == 0) return false;  // two single rows whose ranges meet
  // On a circle of `divisor` bytes, b's row begins `from` bytes after a's.
  const int64_t distance = reinterpret_cast<intptr_t>(b.base) - reinterpret_cast<intptr_t>(a.base);
  const int64_t from = (distance % divisor + divisor) % divisor;
  return from >= la.row_bytes && from + lb.row_bytes <= divisor;
}

using Int128 = __int128;

struct Axis {
  int64_t stride, count;  // both above 0; a stride is at least a row
};

// The least x ≥ 0 with low ≤ a · x mod m ≤ high, where 0 ≤ a < m and 0 ≤ low ≤ high < m; −1 if
// there is none. Works like Euclid's algorithm: each recursion at least halves the modulus.
Int128 FirstWithin(Int128 a, Int128 m, Int128 low, Int128 high) {
  if (low == 0) return 0;
  if (a == 0) return -1;
  if (2 * a > m) return FirstWithin(m - a, m, m - high, m - low);
  const Int128 x = (low + a - 1) / a;
  if (x * a <= high) return x;
  // No multiple of a lies in [low, high] itself. After y turns of the circle, a · x = m · y + r
  // with low ≤ r ≤ high.
  const Int128 y = FirstWithin((a - m % a) % a, a, low % a, high % a);
  return y < 0 ? -1 : (low + m * y + a - 1) / a;
}

// Whether |i · a.stride + j · b.stride + offset| ≤ reach for some |i| < a.count, |j| < b.count,
// with j ≠ 0 if offset is 0.  REQUIRES: a.stride > reach.
bool MeetsOnTwo(const Axis& a, const Axis& b, Int128 offset, Int128 reach) {
  // The range of j from which the allowed multiples of a.stride can lead back to 0.
  const Int128 span = Int128{a.count - 1} * a.stride + reach;
  const auto floor_div = [](Int128 n, Int128 d) { return n / d - (n % d < 0 ? 1 : 0); };
  Int128 first = -floor_div(span + offset, b.stride);
  Int128 last = floor_div(span - offset, b.stride);
  first = std::max<Int128>(first, offset == 0 ? 1 : -(b.count - 1));
  last = std::min<Int128>(last, b.count - 1);
  if (first > last) return false;
  // For these j the nearest multiple of a.stride is always allowed: only the residue counts.
  const Int128 m = a.stride, start = first * b.stride + offset;
  if (2 * reach + 1 >= m) return true;
  const auto modulo = [m](Int128 n) { return (n % m + m) % m; };
  const Int128 low = modulo(-reach - start), high = modulo(reach - start);
  if (low > high) return true;  // the interval wraps around 0: j = first is a solution
  const Int128 steps = FirstWithin(modulo(b.stride), m, low, high);
  return steps >= 0 && steps <= last - first;
}

}  // namespace

bool MayOverlap(const MemoryRegion& a, const MemoryRegion& b) {
  if (a.high <= b.low || b.high <= a.low || AreApart(a, b)) return false;
  const bool spread = a.count[3] > 1 || b.count[3] > 1;
  return !spread || !AreApart(a.count[3] > 1 ? Spanned(a) : a, b.count[3] > 1 ? Spanned(b) : b);
}

// Two rows share a byte if |Σ i[d] · stride[d]| < row_bytes for some i ≠ 0 with |i[d]| < count[d].
// The signs of the strides do not matter, since the signs of i are free.
bool OverlapsItself(const MemoryRegion& region) {
  Axis axes[MemoryRegion::kAxes];  // from the shortest stride to the longest
  int used = 0;
  for (int d = 0; d < MemoryRegion::kAxes; ++d) {
    if (region.count[d] <= 1) continue;
    const Axis axis = {std::llabs(region.stride[d]), region.count[d]};
    int place = used++;
    for (; place > 0 && axis.stride < axes[place - 1].stride; --place)
      axes[place] = axes[place - 1];
    axes[place] = axis;
  }
  // The usual layouts: each axis steps over everything that the shorter axes cover.
  int64_t covered = region.row_bytes;
  int nested = 0;
  for (; nested < used && axes[nested].stride >= covered; ++nested) {
    covered += axes[nested].stride * (axes[nested].count - 1);
  }
  if (nested == used) return false;
  if (nested == 0) return true;  // neighbouring rows of the shortest stride overlap
  if (used == MemoryRegion::kAxes) return true;

  const Int128 reach = region.row_bytes - 1;
  if (used == 2) return MeetsOnTwo(axes[0], axes[1], 0, reach);
  for (int a = 0; a < 3; ++a) {
    for (int b = a + 1; b < 3; ++b) {
      if (MeetsOnTwo(axes[a], axes[b], 0, reach)) return true;
    }
  }
  // The remaining case: indices of all three axes differ. Rows without overlap fit in 2^63 bytes,
  // so the axis with the fewest steps has less than 2^21 of them, and in real memory less than some
  // 2^15: a loop over this axis is short enough.
  const auto shortest = std::min_element(
      axes, axes + 3, [](const Axis& a, const Axis& b) { return a.count < b.count; });
  std::swap(*shortest, axes[2]);
  if (axes[0].stride > axes[1].stride) std::swap(axes[0], axes[1]);
  for (int64_t i = 1; i < axes[2].count; ++i) {
    if (MeetsOnTwo(axes[0], axes[1], Int128{i} * axes[2].stride, reach)) return true;
  }
  return false;
}

}  // namespace jitattn::ops
