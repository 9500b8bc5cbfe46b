// What the files hold that pictures are made of, as plain structs, whatever format they came in.

#ifndef JITATTN_CLI_PLOT_SOURCE_H_
#define JITATTN_CLI_PLOT_SOURCE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/recording.h"

namespace jitattn::cli {

// One evaluation of `jitattn tune --csv`. Seconds; nothing where the file says nothing.
struct Evaluation {
  int number = 0;
  std::string phase, status;
  std::vector<std::string> values;  // of the run's fields
  std::optional<double> min, cv, best;
};

struct TuningRun {
  std::string strategy, problem, seed;
  std::vector<std::string> fields;  // of the configuration, those with a value
  std::vector<Evaluation> evaluations;
};

// A row of `jitattn compare --csv`: a problem by one method.
struct ComparisonRow {
  std::string op, dtype, problem, method, speedup_over, note;
  double n = 0;
  std::optional<double> median, p95, cv, speedup;
  bool unstable = false;
};

// A row of `jitattn replay --curves`: optimum ÷ best so far over repeats.
struct CurvePoint {
  std::string space, strategy;
  int evaluations = 0;
  double mean = 0, p10 = 0, p50 = 0, p90 = 0;
};

// A strategy at a budget on a space, of `compare --strategies` or `replay`.
struct Standing {
  std::string space, strategy;
  int budget = 0;
  double fraction = 0;
  std::optional<double> regret_p10, regret_p50, regret_p90, score;
  std::optional<double> wins, ties, losses;
};

// A row of `jitattn bench` or `jitattn roofline`.
struct BenchEntry {
  std::string name, describe, op, dtype, isa, asked, wrong, bound, floor_of;
  int threads = 0;
  std::optional<double> min, median, gflops, gbytes_per_s, peak, fraction, floor, aim;
  std::vector<double> times;
};

struct Roof {
  std::string op, dtype, isa;
  int threads = 0;
  double fma_gflops = 0;
  std::vector<std::pair<std::string, double>> levels;  // name, GB/s
};

struct Source {
  std::string path, what;                                  // "jitattn bench --json"
  std::vector<std::pair<std::string, std::string>> facts;  // command, machine, …: as the file says
  std::vector<TuningRun> runs;
  std::vector<ComparisonRow> comparison;
  std::vector<CurvePoint> curves;
  std::vector<Standing> standings;
  std::vector<BenchEntry> bench;
  std::vector<Roof> roofs;
  std::optional<search::Recording> recording;
};

// The kind of file is told by its content. DataLoss, "path: line 3, column 7: rule", where it is
// damaged or of no known kind; NotFound and the like where it cannot be read.
absl::StatusOr<Source> ReadSource(const std::string& path);

// A tuning run as a space with what was measured in it, each configuration by its fastest sample.
absl::StatusOr<search::Recording> RecordingOf(const TuningRun& run);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_SOURCE_H_
