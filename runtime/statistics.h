// Figures of repeated timings, and when one of two is the faster.

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

// Linear between order statistics, 0 ≤ fraction ≤ 1. REQUIRES: samples are not empty.
double Quantile(std::span<const double> samples, double fraction);

// What decides which of two is faster. Noise on a shared machine only ever adds time, so the low
// end of interleaved repeats is where the kernel itself shows: the third smallest sample, rising to
// the first decile from 21 samples on.
double LowQuantile(std::span<const double> samples);

// a ÷ b: how many times faster b is.
struct Ratio {
  double value = 1, low = 1, high = 1;
};

// Of a race's rounds, a[i] and b[i] timed in the same one, so that what slows a whole round
// cancels. Below kMinRounds the interval is (0, ∞): nothing can be told.
inline constexpr int kMinRounds = 9;

// Of low quantiles, by a bootstrap over rounds, deterministic for a seed: the machine at its best,
// whatever else it did for most of the rounds.
Ratio LowRatio(std::span<const double> a, std::span<const double> b, uint64_t seed = 1,
               double confidence = 0.95);

// The median of the rounds' own ratios, with the interval of the sign test: from one of those
// ratios to another, exact whatever the noise is, if rounds are independent. Rounds that favour one
// of the two count for nothing while they are few.
Ratio MedianRatio(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

// MedianRatio, with an interval that reaches over that of LowRatio too, and over the median ratio
// of each quarter of the rounds. All err in different ways, and what one of them does not show is
// not known: the first two take rounds to be independent, but a neighbour may stay for seconds.
inline constexpr int kQuarters = 4;
Ratio PairedRatio(std::span<const double> a, std::span<const double> b, uint64_t seed = 1,
                  double confidence = 0.95);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_STATISTICS_H_
