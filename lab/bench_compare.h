// This run of `jitattn bench` against an earlier one.

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

// What is compared of one row.
struct BenchFigures {
  double seconds = 0;              // the minimum
  std::optional<double> fraction;  // of the peak of its own run
  double spread = 0;
};

// An earlier run's rows: name → what was asked → figures.
using EarlierRun = std::vector<std::tuple<std::string, std::string, BenchFigures>>;

// InvalidArgument with the path and what is wrong; NotFound where there is no such file.
absl::StatusOr<EarlierRun> ReadEarlierRun(const std::string& path);

enum class Verdict { kSame, kFaster, kSlower, kMachine };
std::string_view Name(Verdict verdict);  // "same", "faster", "slower", "machine"

// A row differs where its time changed by more than both spreads together (and more than 0.5 %),
// and its fraction of the peak says so too: where only one of them moved, it is the machine that
// differs.
struct Comparison {
  Verdict verdict = Verdict::kSame;
  double gain = 0;   // earlier time ÷ now − 1: above 0 it became faster
  double noise = 0;  // |gain| up to this tells nothing
};
Comparison Compare(const BenchFigures& earlier, const BenchFigures& now);

// Each row beside the earlier one of the same name and configuration asked for, or of the same name
// where that run asked for one configuration only.
struct ComparedRow {
  std::string name, asked;
  std::optional<Comparison> comparison;  // nothing: the earlier run has no such row
};
std::vector<ComparedRow> CompareRuns(const EarlierRun& earlier, std::span<const BenchRow> rows);

std::string ComparisonText(std::span<const ComparedRow> rows);
cli::Json ComparisonJson(std::span<const ComparedRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_COMPARE_H_
