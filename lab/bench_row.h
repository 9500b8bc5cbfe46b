// A row of `jitattn bench`, and the figures derived from it.

#ifndef JITATTN_LAB_BENCH_ROW_H_
#define JITATTN_LAB_BENCH_ROW_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/record.h"
#include "lab/measuring/bench.h"
#include "ops/config.h"
#include "ops/problem.h"

namespace jitattn::lab {

// The figure that a floor applies to. Higher is better for fractions and speedups, lower for the
// others.
enum class Metric { kFraction, kSpeedup, kCycles, kCliff, kOverhead };
// "fraction", "speedup", "cycles", "cliff", "overhead"
std::string_view Name(Metric metric);

struct Floor {
  Metric metric = Metric::kFraction;
  std::optional<double> floor;  // empty: not measured yet
  double aim = 0;
};

struct BenchRow {
  cache::Key key;      // the exact problem, not its bucket
  std::string asked;   // configuration asked for: "tuned", "default", or FIELD=VALUE pairs
  std::string source;  // source of the configuration
  ops::Config config;
  std::string kernel;
  BenchResult result;
  std::optional<double> speedup;  // over one thread, measured in turn
  // For an odd size: the same problem at the multiples of 16 below and above; and the cliff, this
  // row's time per operation ÷ the mean of the neighbours', each relative to its own rounds' peak.
  std::vector<ops::Problem> beside;
  std::optional<double> cliff;
  std::optional<Floor> floor;
  std::string differs;      // fields that differ from the default: "kv_block=64 threads=1"
  int line = -1, cell = 0;  // place in the preset's table; -1: none

  const ops::Problem& problem() const { return key.bucket; }
  ops::Layout layout() const { return key.conditions.layout; }
  std::string name() const;  // identifies the row across runs
  bool memory_bound() const;
  double gflops() const;
  double gbytes_per_s() const;
  // Share of a call's time outside the kernel; empty if it was not measured.
  std::optional<double> overhead() const;
  double peak() const;  // of the binding limit, in GFLOP/s or GB/s; 0: unknown
  std::optional<double> Figure(Metric) const;  // empty if it was not measured
};

// Returns whether `value` is at least as good as `bound`.
bool Reaches(Metric metric, double value, double bound);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_ROW_H_
