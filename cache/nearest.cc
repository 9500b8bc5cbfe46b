// The distance between records, for problems without an exact one.

#include "cache/nearest.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/operation.h"

namespace jitattn::cache {

std::optional<double> Distance(const Key& a, const Key& b) {
  const ops::Conditions &ours = a.conditions, &theirs = b.conditions;
  const bool comparable = ops::SameCode(a.bucket, b.bucket) && ours.threads == theirs.threads &&
                          ours.isa == theirs.isa && ours.buffers == theirs.buffers;
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
