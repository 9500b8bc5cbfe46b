// Tables of comma-separated values as RFC 4180 has them: a header line, quoted fields, doubled
// quotes, line ends of either kind.

#ifndef JITATTN_CLI_PLOT_CSV_READER_H_
#define JITATTN_CLI_PLOT_CSV_READER_H_

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cli {

struct CsvTable {
  struct Row {
    int line = 0;  // of the file, from 1: a quoted field may hold line ends
    std::vector<std::string> fields;
  };
  std::vector<std::string> columns;
  std::vector<Row> rows;

  std::optional<int> Find(std::string_view column) const;
  bool Has(std::string_view column) const { return Find(column).has_value(); }
};

// InvalidArgument with line and column: a quote out of place, a quote that is never closed, a row
// of another length than the header, a column without a name or twice, no header. Blank lines and
// a byte-order mark are skipped.
absl::StatusOr<CsvTable> ReadCsv(std::string_view text);

// A count as a file has it; none beyond 10^9 or below 0, which nobody counted, nor for a fraction.
inline std::optional<int> ToCount(double number) {
  constexpr double kMost = 1e9;
  const bool counts = 0 <= number && number <= kMost && number == std::floor(number);
  return counts ? std::optional(static_cast<int>(number)) : std::nullopt;
}

// The cells of one row by column. The first cell that breaks a rule is remembered, so that a reader
// of rows checks once, at the end.
class CsvCells {
 public:
  explicit CsvCells(const CsvTable& table) : table_(table) {}
  void Move(const CsvTable::Row* row) { row_ = row; }

  // "" where there is no such column.
  std::string Text(std::string_view column);
  // As Text; an empty or missing cell breaks the rule.
  std::string NeedText(std::string_view column);
  // Nothing where the cell is empty or there is no such column; else a finite number.
  std::optional<double> Number(std::string_view column);
  // As Number; an empty or missing cell breaks the rule, and so does a number below `least`.
  double Need(std::string_view column, double least);
  // As Number and as Need, of a count (ToCount); Count gives 0 where there is none.
  int Count(std::string_view column);
  int NeedCount(std::string_view column, int least);
  void Break(std::string_view column, std::string_view rule);

  // InvalidArgument: "line 5, column 'cv': 'x' is no number".
  const absl::Status& status() const { return status_; }

 private:
  const CsvTable& table_;
  const CsvTable::Row* row_ = nullptr;
  absl::Status status_;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_CSV_READER_H_
