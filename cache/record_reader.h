// The fields of a record, taken out of a TOML table one by one. The first thing that is wrong is
// kept, with its place in the file; what is asked for after it stays as it was.
//
// RecordWriter has the same members, so that one list of fields (record.cc) serves both.

#ifndef JITATTN_CACHE_RECORD_READER_H_
#define JITATTN_CACHE_RECORD_READER_H_

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cache/toml.h"
#include "ops/operation.h"

namespace jitattn::cache {

class RecordReader {
 public:
  // `minor`: of the file's format.
  RecordReader(TomlTable table, std::string_view source, int minor);

  // The fields asked for next stand in [name]. Before the first call: above all sections.
  void Section(std::string_view name);

  // For the next field: it came with format 1.`minor`. In an older file it keeps its value where it
  // is missing; every other field that is missing is an error.
  RecordReader& Since(int minor) {
    may_be_missing_ = minor_ < minor;
    return *this;
  }

  void Text(std::string_view name, std::string& value);
  void Texts(std::string_view name, std::vector<std::string>& values);
  void Flag(std::string_view name, bool& value);
  // Finite, and within [low, high].
  void Number(std::string_view name, double& value, double low, double high);
  template <std::signed_integral T>
  void Integer(std::string_view name, T& value, int64_t low, int64_t high) {
    if (std::optional<int64_t> read = TakeInteger(name, low, high)) value = static_cast<T>(*read);
  }
  // All 64 bits, as a string, since a TOML integer ends at 2^63 − 1: "0x0123456789abcdef", or "42".
  void Hash(std::string_view name, uint64_t& value);
  void Seed(std::string_view name, uint64_t& value);
  // One of an enumeration; `from_name` gives an optional.
  template <typename E, typename FromName>
  void Word(std::string_view name, E& value, FromName from_name) {
    const std::optional<std::string> word = TakeText(name, "a word");
    if (!word) return;
    if (const auto found = from_name(*word)) {
      value = *found;
    } else {
      Fail(name, absl::StrCat(TomlString(*word), ", which is no ", std::string(name)));
    }
  }
  // The operation of that name, with a problem for the reader to fill; whether there is one.
  bool Operation(std::string_view name, ops::Problem& problem);
  void Choice(const ops::Option& option, ops::Problem& problem);
  // The operation's algorithm of that name, with a configuration to fill; whether there is one.
  // Before format 1.4 other keys of the section tell which it is.
  bool Algorithm(std::string_view name, const ops::Operation& operation, ops::Config& config);
  void Tunable(const ops::Field& field, ops::Config& config);

  // InvalidArgument for `name` of the current section, at its line: "source:12: result.n is
  // `what`".
  void Fail(std::string_view name, std::string_view what);
  const absl::Status& status() const { return status_; }
  bool Good() const { return status_.ok(); }

  // What nobody asked for.
  TomlTable TakeRest();

 private:
  // Formats 1.0 to 1.3 did not name algorithms, and had numbers where there are words now.
  bool names_algorithms() const { return minor_ >= 4; }
  TomlTable& Current();
  // The field's value, taken out of the table; none where it is missing or something went wrong
  // before. `kind` says in the error what it should have been.
  template <typename T>
  std::optional<T> Take(std::string_view name, std::string_view kind);
  std::optional<std::string> TakeText(std::string_view name, std::string_view kind);
  std::optional<int64_t> TakeInteger(std::string_view name, int64_t low, int64_t high);

  TomlTable table_;
  std::string source_;
  int minor_;
  bool may_be_missing_ = false;  // the next field
  std::string section_;          // "" above all sections
  int line_ = 1;                 // of the field or the section looked at last
  absl::Status status_;
};

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_RECORD_READER_H_
