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

// Returns a table with one line per row.
std::string RowsText(std::span<const BenchRow> rows);

// Returns the lines of a preset with their measured cells, floors and aims, and a column for each
// configuration of `asked`. Empty if there are no lines.
std::string LinesText(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                      std::span<const std::string> asked);

// The worst figure among the rows of a cell, and the rows' common floor.
struct BenchCell {
  std::optional<double> worst;
  const BenchRow* at = nullptr;  // the row with the worst figure
  std::optional<Floor> floor;
};
BenchCell CellOf(std::span<const BenchRow> rows, int line, int cell, Metric metric,
                 const std::string& asked);

// JSON of one row. Its keys are an interface; see docs/bench.md.
cli::Json ToJson(const BenchRow& row);
cli::Json LinesJson(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                    std::span<const std::string> asked);

// {"cpu": …, "fingerprint": …, …}: the machine, and `beware`, its warnings.
cli::Json MachineOf(const Cpu& cpu, std::span<const std::string> beware);

// The rows as CSV, with a column for every JSON key. Nested values are written as JSON text.
std::string RowsCsv(std::span<const BenchRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_REPORT_H_
