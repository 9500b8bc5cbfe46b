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
  double sum = 0, largest = 1;
  const auto compare = [&](double one, double other) {
    const double ratio = std::max(one / other, other / one);
    largest = std::max(largest, ratio);
    sum += std::log2(ratio);
  };
  for (size_t i = 0; i < of_a.size(); ++i) compare(of_a[i], of_b[i]);
  for (const ops::Dim& dim : operation.dims) {
    if (!dim.is_extra) continue;
    // A width of 0 is a length of 1.
    compare(1 + static_cast<double>(dim.get(a.bucket)), 1 + static_cast<double>(dim.get(b.bucket)));
  }
  return largest > 2 ? std::nullopt : std::optional(sum);
}

}  // namespace jitattn::cache
