// Compares this run of `jitattn bench` with an earlier one.

#ifndef JITATTN_LAB_BENCH_COMPARE_H_
#define JITATTN_LAB_BENCH_COMPARE_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/bench_row.h"

namespace jitattn::lab {

// The compared figures of a row.
struct BenchFigures {
  double seconds = 0;              // minimum
  std::optional<double> fraction;  // of the peak in the same run
  double spread = 0;
};

// An earlier run's rows: name, configuration asked for, figures.
using EarlierRun = std::vector<std::tuple<std::string, std::string, BenchFigures>>;

// InvalidArgument: not the output of jitattn bench --json; the message has the path. NotFound: no
// such file.
absl::StatusOr<EarlierRun> ReadEarlierRun(const std::string& path);

enum class Verdict { kSame, kFaster, kSlower, kMachine };
std::string_view Name(Verdict verdict);  // "same", "faster", "slower", "machine"

// A row is faster or slower if its time changed by more than the sum of both spreads (at least
// 0.5 %) and its fraction of the peak changed by as much in the same direction. If only the time
// changed, the peak changed with it, and the verdict is kMachine.
struct Comparison {
  Verdict verdict = Verdict::kSame;
  double gain = 0;   // earlier time ÷ time now − 1; positive: faster
  double noise = 0;  // |gain| up to this is noise
};
Comparison Compare(const BenchFigures& earlier, const BenchFigures& now);

// A row and its comparison with the earlier row of the same name and configuration asked for; of
// the same name alone if the earlier run has only one configuration.
struct ComparedRow {
  std::string name, asked;
  std::optional<Comparison> comparison;  // empty: the earlier run has no such row
};
std::vector<ComparedRow> CompareRuns(const EarlierRun& earlier, std::span<const BenchRow> rows);

std::string ComparisonText(std::span<const ComparedRow> rows);
cli::Json ComparisonJson(std::span<const ComparedRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_COMPARE_H_
