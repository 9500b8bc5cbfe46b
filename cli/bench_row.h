// What `jitattn bench` knows of one row, and the figures that follow from it.

#ifndef JITATTN_CLI_BENCH_ROW_H_
#define JITATTN_CLI_BENCH_ROW_H_

#include <optional>
#include <string>
#include <string_view>

#include "cache/record.h"
#include "jit/config.h"
#include "jit/problem.h"
#include "runtime/bench.h"

namespace jitattn::cli {

// The figure that a floor is about. Of cycles fewer are better, of the others more.
enum class Metric { kFraction, kSpeedup, kCycles };
std::string_view Name(Metric metric);  // "fraction", "speedup", "cycles"

struct Floor {
  Metric metric = Metric::kFraction;
  std::optional<double> floor;  // nothing: nobody has measured one yet
  double aim = 0;
};

struct BenchRow {
  cache::Key key;      // the exact problem, not its bucket
  std::string asked;   // "tuned", "default", or the pairs that were given
  std::string source;  // why it has its configuration
  jit::Config config;
  std::string kernel;
  runtime::BenchResult result;
  std::optional<double> speedup;  // over the same with one thread, measured in turn with it
  std::optional<Floor> floor;
  int line = -1, cell = 0;  // place in the preset's table; -1: none

  const jit::Problem& problem() const { return key.bucket; }
  std::string name() const { return key.ToString(); }  // the same in every run
  bool memory_bound() const;
  double gflops() const;
  double gbytes_per_s() const;
  double peak() const;                         // of what binds, in GFLOP/s or GB/s; 0: unknown
  std::optional<double> Figure(Metric) const;  // nothing where it was not measured
};

// Is `value` at least as good as `bound`?
bool Reaches(Metric metric, double value, double bound);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_BENCH_ROW_H_
