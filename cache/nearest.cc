// How far apart two records are, when the exact one is missing.

#include "cache/nearest.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace jitattn::cache {
namespace {

// As doubles: a product of valid sizes is below 2^62, an empty length counts as one.
std::array<double, 4> Lengths(const jit::Problem& problem) {
  const auto positive = [](double length) { return std::max(length, 1.0); };
  if (const auto* s = std::get_if<jit::SigmoidMulProblem>(&problem)) {
    return {positive(static_cast<double>(s->rows) * static_cast<double>(s->cols)), 1, 1, 1};
  }
  const auto& p = std::get<jit::AttentionProblem>(problem);
  const auto batch = static_cast<double>(p.batch);
  return {positive(static_cast<double>(p.q_len)), positive(static_cast<double>(p.kv_len)),
          batch * static_cast<double>(p.heads), batch * static_cast<double>(p.kv_heads)};
}

}  // namespace

std::optional<double> Distance(const Key& a, const Key& b) {
  const bool comparable = jit::SpecOf(a.bucket) == jit::SpecOf(b.bucket) &&
                          a.threads == b.threads && a.isa == b.isa && a.buffers == b.buffers;
  if (!comparable) return std::nullopt;
  const auto of_a = Lengths(a.bucket), of_b = Lengths(b.bucket);
  double sum = 0;
  for (size_t i = 0; i < of_a.size(); ++i) {
    const double ratio = std::max(of_a[i] / of_b[i], of_b[i] / of_a[i]);
    if (ratio > 2) return std::nullopt;
    sum += std::log2(ratio);
  }
  return sum;
}

}  // namespace jitattn::cache
