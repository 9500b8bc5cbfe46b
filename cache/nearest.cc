// How far apart two records are, when the exact one is missing.

#include "cache/nearest.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/operation.h"

namespace jitattn::cache {

std::optional<double> Distance(const Key& a, const Key& b) {
  const bool comparable = ops::SameCode(a.bucket, b.bucket) && a.threads == b.threads &&
                          a.isa == b.isa && a.buffers == b.buffers;
  if (!comparable) return std::nullopt;
  const ops::Operation& operation = a.bucket.operation();
  const auto of_a = operation.extents(a.bucket), of_b = operation.extents(b.bucket);
  double sum = 0;
  for (size_t i = 0; i < of_a.size(); ++i) {
    const double ratio = std::max(of_a[i] / of_b[i], of_b[i] / of_a[i]);
    if (ratio > 2) return std::nullopt;
    sum += std::log2(ratio);
  }
  return sum;
}

}  // namespace jitattn::cache
