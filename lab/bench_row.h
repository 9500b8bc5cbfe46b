// What `jitattn bench` knows of one row, and the figures that follow from it.

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

// The figure that a floor is about. Of fractions and speedups more is better, of the others less.
enum class Metric { kFraction, kSpeedup, kCycles, kCliff, kOverhead };
// "fraction", "speedup", "cycles", "cliff", "overhead"
std::string_view Name(Metric metric);

struct Floor {
  Metric metric = Metric::kFraction;
  std::optional<double> floor;  // nothing: nobody has measured one yet
  double aim = 0;
};

struct BenchRow {
  cache::Key key;      // the exact problem, not its bucket
  std::string asked;   // "tuned", "default", or the pairs that were given
  std::string source;  // why it has its configuration
  ops::Config config;
  std::string kernel;
  BenchResult result;
  std::optional<double> speedup;  // over the same with one thread, measured in turn with it
  // Of an odd size: the same problem with the multiples of 16 below and above it, and this one's
  // time for an operation over the mean of theirs, each in times of the peak of its own rounds.
  std::vector<ops::Problem> beside;
  std::optional<double> cliff;
  std::optional<Floor> floor;
  std::string
      differs;  // the fields in which `config` is not the default's: "kv_block=64 threads=1"
  int line = -1, cell = 0;  // place in the preset's table; -1: none

  const ops::Problem& problem() const { return key.bucket; }
  ops::Layout layout() const { return key.conditions.layout; }
  std::string name() const;  // the same in every run
  bool memory_bound() const;
  double gflops() const;
  double gbytes_per_s() const;
  // The share of a call that is spent outside the kernel; nothing where that was not measured.
  std::optional<double> overhead() const;
  double peak() const;                         // of what binds, in GFLOP/s or GB/s; 0: unknown
  std::optional<double> Figure(Metric) const;  // nothing where it was not measured
};

// Is `value` at least as good as `bound`?
bool Reaches(Metric metric, double value, double bound);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_ROW_H_
