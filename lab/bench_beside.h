// jitattn bench --beside N: times single calls beside N busy processes, on one thread and on all.

#ifndef JITATTN_LAB_BENCH_BESIDE_H_
#define JITATTN_LAB_BENCH_BESIDE_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/json.h"
#include "lab/bench_flags.h"

namespace jitattn::lab {

struct BesideFlags {
  std::optional<int> neighbours;
  std::vector<std::string> methods = {"jitattn"};
  std::string python = "python3";

  void AddTo(CLI::App* command);
};

// Times of every single call of one method with one number of threads.
struct BesideRow {
  ops::Problem problem;
  std::string method;
  int threads = 1;
  size_t calls = 0;
  double median_s = 0, p99_s = 0;
  // Ratio to the same method on one thread, which is timed in turn with this row.
  std::optional<double> median_ratio, p99_ratio;
  std::string failure;  // why there are no times
};
cli::Json ToJson(const BesideRow& row);

// Format of the output; text if neither is set.
struct BesideOutput {
  bool json = false, csv = false;
};
// Measures and prints the rows. Returns the exit code.
int RunBeside(const BesideFlags& flags, const BenchFlags& bench, const BesideOutput& output);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_BESIDE_H_
