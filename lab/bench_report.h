// Rows of `jitattn bench` as tables, JSON and CSV.

#ifndef JITATTN_LAB_BENCH_REPORT_H_
#define JITATTN_LAB_BENCH_REPORT_H_

#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cli/json.h"
#include "lab/bench_presets.h"
#include "lab/bench_row.h"

namespace jitattn::lab {

// One aligned line a row.
std::string RowsText(std::span<const BenchRow> rows);

// The lines of a preset, their cells measured, beside floor and aim; a column for each of `asked`
// (the configurations that were measured). Empty where there are no lines.
std::string LinesText(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                      std::span<const std::string> asked);

// The worst figure among the rows of a cell, and the floor they share.
struct BenchCell {
  std::optional<double> worst;
  const BenchRow* at = nullptr;  // whose figure that is
  std::optional<Floor> floor;
};
BenchCell CellOf(std::span<const BenchRow> rows, int line, int cell, Metric metric,
                 const std::string& asked);

// Keys of one row: an interface, see docs/bench.md.
cli::Json ToJson(const BenchRow& row);
cli::Json LinesJson(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                    std::span<const std::string> asked);

// {"cpu": …, "fingerprint": …, …}: what the numbers were measured on.
cli::Json MachineOf(const Cpu& cpu, std::span<const std::string> beware);

// The rows' JSON with a column for every key; what is no number or word itself is written as text.
std::string RowsCsv(std::span<const BenchRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_REPORT_H_
