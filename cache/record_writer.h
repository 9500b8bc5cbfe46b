// Writes the text of a record, field by field. Has the same members as RecordReader, so that one
// list of fields (record.cc) serves both. The ranges and from_name functions have no effect here.

#ifndef JITATTN_CACHE_RECORD_WRITER_H_
#define JITATTN_CACHE_RECORD_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cache/toml.h"
#include "ops/operation.h"

namespace jitattn::cache {

class RecordWriter {
 public:
  // `unknown`: entries that a newer version wrote, to be written unchanged. Each follows the known
  // entries of its section.
  explicit RecordWriter(TomlTable unknown) : unknown_(std::move(unknown)) {}

  RecordWriter& Since(int) { return *this; }
  RecordWriter& Optional(bool) { return *this; }
  // Whether a field is not written.
  static bool LeavesOut(bool has_its_default) { return has_its_default; }

  void Section(std::string_view name);
  void Text(std::string_view name, const std::string& value) { Line(name, TomlString(value)); }
  void Texts(std::string_view name, const std::vector<std::string>& values);
  void Flag(std::string_view name, bool value) { Line(name, value ? "true" : "false"); }
  void Number(std::string_view name, double value, double, double) {
    Line(name, TomlNumber(value));
  }
  template <typename T>
  void Integer(std::string_view name, T value, int64_t, int64_t) {
    Line(name, absl::StrCat(value));
  }
  void Hash(std::string_view name, uint64_t value) {
    Line(name, absl::StrCat("\"0x", absl::Hex(value, absl::kZeroPad16), "\""));
  }
  void Seed(std::string_view name, uint64_t value) { Line(name, absl::StrCat("\"", value, "\"")); }
  template <typename E, typename FromName>
  void Word(std::string_view name, E value, FromName) {
    Line(name, TomlString(Name(value)));
  }
  bool Operation(std::string_view name, const ops::Problem& problem) {
    Line(name, TomlString(problem.operation().name));
    return true;
  }
  void Choice(const ops::Option& option, const ops::Problem& problem) {
    Line(option.name, TomlString(option.words[option.get(problem)]));
  }
  bool Algorithm(std::string_view name, const ops::Operation&, const ops::Config& config) {
    Line(name, TomlString(config.algorithm().name));
    return true;
  }
  void Tunable(const ops::Field& field, const ops::Config& config);

  bool Good() const { return true; }

  // The whole text, including the unknown entries of the last section and unknown sections.
  std::string TakeText();

 private:
  void Line(std::string_view key, std::string_view value);
  // Writes the unknown entries of the current section, except tables above all sections.
  void FinishSection();

  TomlTable unknown_;
  std::string section_;
  std::string text_;
};

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_RECORD_WRITER_H_
