// The addresses that a strided operand covers, and whether two operands share one.

#ifndef JITATTN_OPS_MEMORY_REGION_H_
#define JITATTN_OPS_MEMORY_REGION_H_

#include <cstdint>

namespace jitattn::ops {

// Rows of row_bytes bytes at base + Σ index[d] · stride[d], 0 ≤ index[d] < count[d]. Strides are in
// bytes, of any sign, 0 included. The fourth axis is that of the elements of a row, where these do
// not adjoin; then row_bytes are those of an element.
struct MemoryRegion {
  static constexpr int kAxes = 4;

  const void* base = nullptr;
  int64_t row_bytes = 0;
  int64_t count[kAxes] = {1, 1, 1, 1};
  int64_t stride[kAxes] = {0, 0, 0, 0};
  int64_t low = 0, high = 0;  // [low, high) in addresses; set by Measure

  // Computes low and high; false if an address does not fit in 63 bits. Inline, since each run of
  // attention calls this function four times.
  bool Measure() {
    low = high = reinterpret_cast<intptr_t>(base);
    bool overflow = __builtin_add_overflow(high, row_bytes, &high);
    for (int d = 0; d < kAxes; ++d) {
      if (count[d] <= 1) continue;
      int64_t span;
      overflow |= __builtin_mul_overflow(count[d] - 1, stride[d], &span);
      int64_t& end = span < 0 ? low : high;
      overflow |= __builtin_add_overflow(end, span, &end);
    }
    // The span of one huge negative stride does not overflow, but leads below address 0.
    return !overflow && (low >= 0 || reinterpret_cast<intptr_t>(base) < 0);
  }
};

// False only if it is certain that the regions share no byte. REQUIRES: both have been measured.
bool MayOverlap(const MemoryRegion& a, const MemoryRegion& b);

// True if two rows of the region share a byte. Exact for three axes or fewer; with four, true also
// where no order of the axes lets each stride step over what the shorter ones cover. Takes some
// nanoseconds for the usual layouts, in which each stride steps over everything that the shorter
// strides cover.
bool OverlapsItself(const MemoryRegion& region);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_MEMORY_REGION_H_
