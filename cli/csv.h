// Tables as CSV (RFC 4180): a header, a line a row, fields quoted where they have to be.

#ifndef JITATTN_CLI_CSV_H_
#define JITATTN_CLI_CSV_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cli {

std::string CsvField(std::string_view text);
std::string CsvNumber(double value);  // nine digits; "" where it is not finite
std::string CsvLine(const std::vector<std::string>& fields);

// A table on disk that grows row by row: each row is written whole and at once, so that a process
// that is killed leaves a table and no half of a row.
class CsvFile {
 public:
  // A new file gets the header; one that is there goes on where it has this very header, so that
  // one table can hold several runs. FailedPrecondition, with `flag` and the path: another header,
  // a last line that was cut off, no plain file, a folder that is not there or may not be written
  // to.
  static absl::StatusOr<std::unique_ptr<CsvFile>> Open(std::string_view flag,
                                                       const std::string& path,
                                                       const std::vector<std::string>& header);
  ~CsvFile();

  // Unavailable where the system refuses; what was written stands.
  absl::Status Append(const std::vector<std::string>& row);

 private:
  CsvFile(int file, std::string name) : file_(file), name_(std::move(name)) {}

  const int file_;
  const std::string name_;  // flag and path
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_CSV_H_
