// Takes the fields of a record out of a TOML table, one by one. Keeps the first error, with its
// place in the file; after an error the functions leave their arguments unchanged.
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
  // `source`: the name of the file, for messages. `minor`: the minor version of the file's format.
  RecordReader(TomlTable table, std::string_view source, int minor);

  // The next fields are in section [name]. Before the first call: above all sections.
  void Section(std::string_view name);

  // Format 1.`minor` introduced the next field. If an older file lacks the field, its value stays
  // unchanged; any other missing field is an error.
  RecordReader& Since(int minor) {
    may_be_missing_ = minor_ < minor;
    return *this;
  }

  // Whether the next field may be missing, in a file of any version.
  RecordReader& Optional(bool is_optional) {
    may_be_missing_ = is_optional;
    return *this;
  }
  // A reader leaves no field out.
  static bool LeavesOut(bool) { return false; }

  void Text(std::string_view name, std::string& value);
  void Texts(std::string_view name, std::vector<std::string>& values);
  void Flag(std::string_view name, bool& value);
  // Finite, and within [low, high].
  void Number(std::string_view name, double& value, double low, double high);
  template <std::signed_integral T>
  void Integer(std::string_view name, T& value, int64_t low, int64_t high) {
    if (std::optional<int64_t> read = TakeInteger(name, low, high)) value = static_cast<T>(*read);
  }
  // 64-bit numbers as strings, since a TOML integer ends at 2^63 − 1: "0x0123456789abcdef" (Hash),
  // "42" (Seed).
  void Hash(std::string_view name, uint64_t& value);
  void Seed(std::string_view name, uint64_t& value);
  // A value of an enumeration. `from_name` maps its name to an optional value.
  template <typename E, typename FromName>
  void Word(std::string_view name, E& value, FromName from_name) {
    const std::optional<std::string> word = TakeText(name, "a word");
    if (!word) return;
    if (const auto found = from_name(*word)) {
      value = *found;
    } else {
      Fail(name, absl::StrCat(TomlString(*word), ", an unknown ", std::string(name)));
    }
  }
  // Reads the name of an operation and sets `problem` to a blank one of it. False on error.
  bool Operation(std::string_view name, ops::Problem& problem);
  void Choice(const ops::Option& option, ops::Problem& problem);
  // Reads the name of an algorithm and sets `config` to a blank one of it. False on error. In files
  // before format 1.4 other keys of the section identify the algorithm.
  bool Algorithm(std::string_view name, const ops::Operation& operation, ops::Config& config);
  void Tunable(const ops::Field& field, ops::Config& config);

  // Sets an InvalidArgument error for field `name` of the current section, with its line:
  // "source:12: result.n is `what`". No effect after an earlier error.
  void Fail(std::string_view name, std::string_view what);
  const absl::Status& status() const { return status_; }
  bool Good() const { return status_.ok(); }

  // The entries that nobody has read.
  TomlTable TakeRest();

 private:
  // Formats 1.0 to 1.3 did not name algorithms, and had numbers instead of words.
  bool names_algorithms() const { return minor_ >= 4; }
  TomlTable& Current();
  // Takes the field's value out of the table. None if the field is missing or after an error.
  // `kind`: the expected type, for the message.
  template <typename T>
  std::optional<T> Take(std::string_view name, std::string_view kind);
  std::optional<std::string> TakeText(std::string_view name, std::string_view kind);
  std::optional<int64_t> TakeInteger(std::string_view name, int64_t low, int64_t high);

  TomlTable table_;
  std::string source_;
  int minor_;
  bool may_be_missing_ = false;  // the next field
  std::string section_;          // "" above all sections
  int line_ = 1;                 // line of the last field or section
  absl::Status status_;
};

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_RECORD_READER_H_
