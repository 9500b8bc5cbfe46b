// Statistics of repeated timings, and comparison of two candidates.

#ifndef JITATTN_RUNTIME_STATISTICS_H_
#define JITATTN_RUNTIME_STATISTICS_H_

#include <cstdint>
#include <span>

namespace jitattn::runtime {

// Seconds of one run of the whole problem.
struct Statistics {
  int samples = 0;
  double min = 0, mean = 0, median = 0, mad = 0, std = 0, cv = 0;
  double p95 = 0, p99 = 0, max = 0;
};
Statistics Summarise(std::span<const double> samples);

// Quantile with linear interpolation between order statistics, 0 ≤ fraction ≤ 1. REQUIRES: there is
// a sample.
double Quantile(std::span<const double> samples, double fraction);

// The statistic that ranks candidates. Noise on a shared machine only adds time, so the low end of
// interleaved samples shows the kernel itself: the third smallest sample, rising to the first
// decile from 21 samples on.
double LowQuantile(std::span<const double> samples);

// a ÷ b: how many times faster b is.
struct Ratio {
  double value = 1, low = 1, high = 1;
};

// The ratios below are of a race: a[i] and b[i] were timed in the same round, so that a slowdown of
// a whole round cancels. Below kMinRounds the interval is (0, ∞).
inline constexpr int kMinRounds = 9;

// Ratio of the low quantiles, with a bootstrap interval over rounds, deterministic for a seed.
// Compares the machine at its best, even if most rounds were disturbed.
Ratio LowRatio(std::span<const double> a, std::span<const double> b, uint64_t seed = 1,
               double confidence = 0.95);

// Median of the ratios of the rounds, with the interval of the sign test. Its ends are two of those
// ratios. The interval is exact for any distribution of noise if rounds are independent. A minority
// of disturbed rounds has no influence.
Ratio MedianRatio(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

// MedianRatio, with the union of three intervals: MedianRatio's, LowRatio's, and the range of the
// median ratios of each quarter of the rounds. They have different blind spots: the first two
// assume independent rounds, which a noisy neighbour that stays for seconds violates.
inline constexpr int kQuarters = 4;
Ratio PairedRatio(std::span<const double> a, std::span<const double> b, uint64_t seed = 1,
                  double confidence = 0.95);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_STATISTICS_H_
