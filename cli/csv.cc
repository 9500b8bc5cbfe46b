// Tables as CSV.

#include "cli/csv.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/io.h"
#include "cli/text_file.h"

namespace jitattn::cli {
namespace {

absl::Status Write(int file, const std::string& name, std::string_view text) {
  if (WriteFully(file, text.data(), std::ssize(text))) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrFormat("%s: cannot write: %s", name, std::strerror(errno)));
}

// FailedPrecondition unless rows under `header` can be appended to a file that holds `text`.
absl::Status CheckTable(const std::string& name, std::string_view text, std::string_view header) {
  if (text.empty()) return absl::OkStatus();
  if (!text.starts_with(header)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: the file exists and has other columns: choose another file", name));
  }
  if (!text.ends_with('\n')) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: its last line is truncated: remove that line first", name));
  }
  return absl::OkStatus();
}

}  // namespace

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == text.npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(std::string(text), {{"\"", "\"\""}}), "\"");
}

std::string CsvNumber(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.9g", value) : "";
}

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : ",", CsvField(fields[i]));
  }
  return line + "\n";
}

absl::StatusOr<std::unique_ptr<CsvFile>> CsvFile::Open(std::string_view flag,
                                                       const std::string& path,
                                                       const std::vector<std::string>& header) {
  if (absl::Status status = CheckTextFile(flag, path); !status.ok()) return status;
  const std::string name = std::string(flag) + " " + path;
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: cannot open: %s", name, std::strerror(errno)));
  }
  std::unique_ptr<CsvFile> table(new CsvFile(file, name));
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  const std::string line = CsvLine(header);
  if (absl::Status status = CheckTable(name, *text, line); !status.ok()) return status;
  if (text->empty()) {
    if (absl::Status status = Write(file, name, line); !status.ok()) return status;
  }
  return table;
}

CsvFile::~CsvFile() { close(file_); }

absl::Status CsvFile::Append(const std::vector<std::string>& row) {
  return Write(file_, name_, CsvLine(row));
}

}  // namespace jitattn::cli
