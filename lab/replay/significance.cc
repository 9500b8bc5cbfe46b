// Wilcoxon's signed-rank test and Holm's correction.

#include "lab/replay/significance.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace jitattn::lab {
namespace {

constexpr size_t kExactPairs = 25;  // 2^25 sign patterns fit doubles exactly, and so do their sums

// P(W ≤ w), where W is the sum of the positive ranks among 1 … n if every sign is a fair coin.
double ExactBelow(size_t n, size_t w) {
  std::vector<double> ways(n * (n + 1) / 2 + 1);
  ways[0] = 1;
  for (size_t rank = 1; rank <= n; ++rank) {
    for (size_t sum = ways.size() - 1; sum >= rank; --sum) ways[sum] += ways[sum - rank];
  }
  return std::accumulate(ways.begin(), ways.begin() + w + 1, 0.0) / std::exp2(n);
}

}  // namespace

double WilcoxonSignedRank(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) differences.push_back(a[i] - b[i]);
  }
  const size_t n = differences.size();
  if (n == 0) return 1;
  std::sort(differences.begin(), differences.end(),
            [](double x, double y) { return std::abs(x) < std::abs(y); });

  double positive = 0, ties = 0;  // Σ t³ − t over groups of t equal sizes
  for (size_t first = 0, last; first < n; first = last) {
    last = first + 1;
    while (last < n && std::abs(differences[last]) == std::abs(differences[first])) ++last;
    const double rank = (static_cast<double>(first + last) + 1) / 2;  // the mean of first+1 … last
    for (size_t i = first; i < last; ++i) positive += differences[i] > 0 ? rank : 0;
    const auto t = static_cast<double>(last - first);
    ties += t * t * t - t;
  }
  const auto count = static_cast<double>(n);
  const double total = count * (count + 1) / 2;
  const double smaller = std::min(positive, total - positive);
  if (n <= kExactPairs && ties == 0) {
    return std::min(1.0, 2 * ExactBelow(n, static_cast<size_t>(smaller)));
  }
  const double variance = count * (count + 1) * (2 * count + 1) / 24 - ties / 48;
  const double z = std::max(0.0, total / 2 - smaller - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::numbers::sqrt2);
}

std::vector<double> Holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;  // adjusted values must not decrease as p grows
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

}  // namespace jitattn::lab
