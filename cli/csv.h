// Tables as CSV (RFC 4180): a header, then one line per row; fields are quoted where necessary.

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

// A table on disk that grows row by row. Each row is written at once and with one write, so a
// killed process leaves whole rows only.
class CsvFile {
 public:
  // Opens the table at `path` for appending. A new file gets the header. An existing file must
  // begin with the same header, so one table can hold several runs. `flag` is the flag that named
  // the path; messages begin with both.
  //   InvalidArgument     the path has no usable file name
  //   FailedPrecondition  another header, a truncated last line, no regular file, or a folder that
  //                       is missing or not writable
  static absl::StatusOr<std::unique_ptr<CsvFile>> Open(std::string_view flag,
                                                       const std::string& path,
                                                       const std::vector<std::string>& header);
  ~CsvFile();

  // Unavailable if the write fails. Rows written before stay in the file.
  absl::Status Append(const std::vector<std::string>& row);

 private:
  CsvFile(int file, std::string name) : file_(file), name_(std::move(name)) {}

  const int file_;
  const std::string name_;  // flag and path, for messages
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_CSV_H_
