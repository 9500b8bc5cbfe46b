// Statistics of repeated timings, and comparison of two candidates.

#include "runtime/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace jitattn::runtime {
namespace {

// 2000 draws put 50 beyond each end of a 95 % interval. The ends then vary by about a seventh of a
// half-width from seed to seed, and the bootstrap takes about a millisecond.
constexpr int kBootstrapDraws = 2000;

double SortedQuantile(std::span<const double> sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double weight = position - static_cast<double>(below);
  return sorted[below] * (1 - weight) + sorted[below + 1] * weight;
}

// The fraction of LowQuantile. A bootstrap of the minimum covers the truth in only 80 % of cases:
// two of three draws contain the minimum, so its spread is underestimated. The interval of the
// median is ten times as wide where a quarter of the samples are slow. From the third smallest
// sample on, the coverage is 95 % in every noise model of statistics_test.cc.
double LowFraction(size_t samples) {
  if (samples < 2) return 0;
  return std::min(0.5, std::max(0.1, 2.0 / static_cast<double>(samples - 1)));
}

double LowQuantileInPlace(std::vector<double>& samples) {
  const double fraction = LowFraction(samples.size());
  // Only the low end has to be in order.
  const size_t last = static_cast<size_t>(fraction * static_cast<double>(samples.size() - 1)) + 2;
  std::partial_sort(samples.begin(), samples.begin() + std::min(last, samples.size()),
                    samples.end());
  return SortedQuantile(samples, fraction);
}

}  // namespace

double Quantile(std::span<const double> samples, double fraction) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return SortedQuantile(sorted, fraction);
}

double LowQuantile(std::span<const double> samples) {
  std::vector<double> copy(samples.begin(), samples.end());
  return LowQuantileInPlace(copy);
}

Statistics Summarise(std::span<const double> samples) {
  Statistics result;
  if (samples.empty()) return result;
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double count = static_cast<double>(sorted.size());
  result.samples = static_cast<int>(sorted.size());
  result.min = sorted.front();
  result.max = sorted.back();
  result.median = SortedQuantile(sorted, 0.5);
  result.p95 = SortedQuantile(sorted, 0.95);
  result.p99 = SortedQuantile(sorted, 0.99);
  result.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : sorted) {
    squares += (sample - result.mean) * (sample - result.mean);
  }
  result.std = sorted.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  result.cv = result.mean > 0 ? result.std / result.mean : 0;
  for (double& sample : sorted) sample = std::abs(sample - result.median);
  result.mad = Quantile(sorted, 0.5);
  return result;
}

Ratio LowRatio(std::span<const double> a, std::span<const double> b, uint64_t seed,
               double confidence) {
  const size_t rounds = std::min(a.size(), b.size());
  Ratio ratio{1, 0, std::numeric_limits<double>::infinity()};
  if (rounds == 0) return ratio;
  a = a.first(rounds);
  b = b.first(rounds);
  ratio.value = LowQuantile(a) / LowQuantile(b);
  if (rounds < kMinRounds) return ratio;

  Rng rng(seed);
  std::vector<double> draws, drawn_a(rounds), drawn_b(rounds);
  draws.reserve(kBootstrapDraws);
  for (int draw = 0; draw < kBootstrapDraws; ++draw) {
    for (size_t i = 0; i < rounds; ++i) {
      const int round = rng.Below(static_cast<int>(rounds));
      drawn_a[i] = a[round];
      drawn_b[i] = b[round];
    }
    draws.push_back(LowQuantileInPlace(drawn_a) / LowQuantileInPlace(drawn_b));
  }
  std::sort(draws.begin(), draws.end());
  ratio.low = SortedQuantile(draws, (1 - confidence) / 2);
  ratio.high = SortedQuantile(draws, (1 + confidence) / 2);
  return ratio;
}

Ratio MedianRatio(std::span<const double> a, std::span<const double> b, double confidence) {
  const size_t rounds = std::min(a.size(), b.size());
  Ratio ratio{1, 0, std::numeric_limits<double>::infinity()};
  if (rounds == 0) return ratio;
  std::vector<double> ratios;
  for (size_t i = 0; i < rounds; ++i) ratios.push_back(a[i] / b[i]);
  std::sort(ratios.begin(), ratios.end());
  ratio.value = SortedQuantile(ratios, 0.5);
  if (rounds < kMinRounds) return ratio;
  // The number of ratios below the true median is distributed as the heads of as many tosses of a
  // coin. The interval leaves out `beyond` ratios at each end, the largest number for which P(heads
  // ≤ beyond) is at most half of 1 − confidence.
  const double n = static_cast<double>(rounds);
  size_t beyond = 0;
  double term = std::pow(0.5, n), sum = term;  // P(heads = beyond), P(heads ≤ beyond)
  while (true) {
    const double k = static_cast<double>(beyond);
    term *= (n - k) / (k + 1);
    if (sum + term > (1 - confidence) / 2) break;
    sum += term;
    ++beyond;
  }
  ratio.low = ratios[beyond];
  ratio.high = ratios[rounds - 1 - beyond];
  return ratio;
}

Ratio PairedRatio(std::span<const double> a, std::span<const double> b, uint64_t seed,
                  double confidence) {
  Ratio ratio = MedianRatio(a, b, confidence);
  const Ratio low = LowRatio(a, b, seed, confidence);
  ratio.low = std::min(ratio.low, low.low);
  ratio.high = std::max(ratio.high, low.high);
  const size_t rounds = std::min(a.size(), b.size());
  if (rounds < kMinRounds) return ratio;
  for (size_t quarter = 0; quarter < kQuarters; ++quarter) {
    const size_t from = quarter * rounds / kQuarters, to = (quarter + 1) * rounds / kQuarters;
    const double middle = MedianRatio(a.subspan(from, to - from), b.subspan(from, to - from)).value;
    ratio.low = std::min(ratio.low, middle);
    ratio.high = std::max(ratio.high, middle);
  }
  return ratio;
}

}  // namespace jitattn::runtime
