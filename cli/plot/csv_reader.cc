// One pass over the characters.

#include "cli/plot/csv_reader.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  bool AtEnd() const { return at_ == text_.size(); }
  int line() const { return line_; }

  absl::StatusOr<std::vector<std::string>> Row() {
    std::vector<std::string> fields;
    while (true) {
      fields.emplace_back();
      absl::Status status = Field(&fields.back());
      if (!status.ok()) return status;
      if (AtEnd() || text_[at_] != ',') break;
      ++at_;
    }
    EndLine();
    return fields;
  }

 private:
  absl::Status Wrong(size_t at, std::string_view rule) const {
    return absl::InvalidArgumentError(
        absl::StrFormat("line %d, column %d: %s", line_, at - line_start_ + 1, rule));
  }

  absl::Status Field(std::string* field) {
    if (AtEnd() || text_[at_] != '"') {
      const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      *field = text_.substr(at_, end - at_);
      if (const size_t quote = field->find('"'); quote != field->npos) {
        return Wrong(at_ + quote, "a quote inside a field that does not begin with one");
      }
      at_ = end;
      return absl::OkStatus();
    }
    const size_t open = at_++;
    while (true) {
      const size_t quote = text_.find('"', at_);
      if (quote == text_.npos) return Wrong(open, "a quote that is never closed");
      field->append(text_.substr(at_, quote - at_));
      at_ = quote + 1;
      if (AtEnd() || text_[at_] != '"') break;
      field->push_back('"');
      ++at_;
    }
    if (!AtEnd() && text_[at_] != ',' && text_[at_] != '\r' && text_[at_] != '\n') {
      return Wrong(at_, "a comma or the line's end must follow a closing quote");
    }
    for (size_t i = open; i < at_; ++i) {
      if (text_[i] == '\n') ++line_, line_start_ = i + 1;
    }
    return absl::OkStatus();
  }

  void EndLine() {
    if (!AtEnd() && text_[at_] == '\r') ++at_;
    if (!AtEnd() && text_[at_] == '\n') ++at_;
    ++line_;
    line_start_ = at_;
  }

  std::string_view text_;
  size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
};

absl::Status CheckHeader(const std::vector<std::string>& columns, int line) {
  std::unordered_set<std::string_view> known;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("line %d: column %d of the header has no name", line, i + 1));
    }
    if (!known.insert(columns[i]).second) {
      return absl::InvalidArgumentError(
          absl::StrFormat("line %d: the header has column '%s' twice", line, columns[i]));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int> CsvTable::Find(std::string_view column) const {
  const auto it = std::find(columns.begin(), columns.end(), column);
  if (it == columns.end()) return std::nullopt;
  return static_cast<int>(it - columns.begin());
}

absl::StatusOr<CsvTable> ReadCsv(std::string_view text) {
  CsvTable table;
  Scanner scanner(text);
  while (!scanner.AtEnd()) {
    const int line = scanner.line();
    absl::StatusOr<std::vector<std::string>> fields = scanner.Row();
    if (!fields.ok()) return fields.status();
    if (fields->size() == 1 && fields->front().empty()) continue;
    if (table.columns.empty()) {
      if (absl::Status status = CheckHeader(*fields, line); !status.ok()) return status;
      table.columns = *std::move(fields);
      continue;
    }
    if (fields->size() != table.columns.size()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("line %d: %d %s, and the header has %d columns", line, fields->size(),
                          fields->size() == 1 ? "field" : "fields", table.columns.size()));
    }
    table.rows.push_back({line, *std::move(fields)});
  }
  if (table.columns.empty()) return absl::InvalidArgumentError("line 1: there is no header line");
  return table;
}

std::string CsvCells::Text(std::string_view column) {
  const std::optional<int> index = table_.Find(column);
  return index ? row_->fields[*index] : "";
}

std::string CsvCells::NeedText(std::string_view column) {
  std::string text = Text(column);
  if (text.empty()) Break(column, "is empty");
  return text;
}

std::optional<double> CsvCells::Number(std::string_view column) {
  const std::string text = Text(column);
  if (text.empty()) return std::nullopt;
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    Break(column, absl::StrFormat("'%s' is no number", text));
    return std::nullopt;
  }
  return value;
}

double CsvCells::Need(std::string_view column, double least) {
  const std::optional<double> value = Number(column);
  if (!value) {
    Break(column, "is empty");
    return least;
  }
  if (*value < least) Break(column, absl::StrFormat("%g is below %g", *value, least));
  return *value;
}

int CsvCells::Count(std::string_view column) {
  const double value = Number(column).value_or(0);
  const std::optional<int> count = ToCount(value);
  if (!count) Break(column, absl::StrFormat("%g is no count", value));
  return count.value_or(0);
}

int CsvCells::NeedCount(std::string_view column, int least) {
  const double value = Need(column, least);
  const std::optional<int> count = ToCount(value);
  if (!count) Break(column, absl::StrFormat("%g is no count", value));
  return count.value_or(least);
}

void CsvCells::Break(std::string_view column, std::string_view rule) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      table_.Has(column) ? absl::StrFormat("line %d, column '%s': %s", row_->line, column, rule)
                         : absl::StrFormat("line 1: there is no column '%s'", column));
}

}  // namespace jitattn::cli
