// Takes the fields of a record out of a TOML table, one by one.

#include "cache/record_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"

namespace jitattn::cache {
namespace {

// The whole of `text` as an unsigned number.
std::optional<uint64_t> ParseUnsigned(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

RecordReader::RecordReader(TomlTable table, std::string_view source, int minor)
    : table_(std::move(table)), source_(source), minor_(minor) {}

void RecordReader::Section(std::string_view name) {
  section_ = name;
  TomlEntry* entry = FindEntry(table_, name);
  if (entry == nullptr) {
    // Treated as an empty section: each of its fields is missing, or has its default.
    table_.push_back({section_, {TomlTable(), line_}});
  } else if (!std::holds_alternative<TomlTable>(entry->value.data)) {
    section_.clear();
    line_ = entry->value.line;
    Fail(name, absl::StrCat(TomlText(entry->value), ", must be a table"));
  } else {
    line_ = entry->value.line;
  }
}

TomlTable& RecordReader::Current() {
  if (section_.empty()) return table_;
  return std::get<TomlTable>(FindEntry(table_, section_)->value.data);
}

void RecordReader::Fail(std::string_view name, std::string_view what) {
  if (!Good()) return;
  // `what` contains values only as escaped by TomlText or TomlString, since the message may be
  // printed on a terminal.
  status_ = absl::InvalidArgumentError(absl::StrCat(source_, ":", line_, ": ", section_,
                                                    section_.empty() ? "" : ".", std::string(name),
                                                    " is ", std::string(what)));
}

template <typename T>
std::optional<T> RecordReader::Take(std::string_view name, std::string_view kind) {
  const bool may_be_missing = std::exchange(may_be_missing_, false);
  if (!Good()) return std::nullopt;
  TomlTable& table = Current();
  TomlEntry* entry = FindEntry(table, name);
  if (entry == nullptr) {
    if (!may_be_missing) Fail(name, "missing");
    return std::nullopt;
  }
  // Removed from the table, so that only the unknown fields remain in the end.
  const TomlValue value = std::move(entry->value);
  table.erase(table.begin() + (entry - table.data()));
  line_ = value.line;
  if (const T* read = std::get_if<T>(&value.data)) return *read;
  if constexpr (std::is_same_v<T, double>) {  // people write 1 for 1.0
    if (const auto* whole = std::get_if<int64_t>(&value.data)) return static_cast<double>(*whole);
  }
  Fail(name, absl::StrCat(TomlText(value), ", must be ", std::string(kind)));
  return std::nullopt;
}

std::optional<std::string> RecordReader::TakeText(std::string_view name, std::string_view kind) {
  return Take<std::string>(name, kind);
}

void RecordReader::Text(std::string_view name, std::string& value) {
  if (auto read = TakeText(name, "a string")) value = *std::move(read);
}

void RecordReader::Texts(std::string_view name, std::vector<std::string>& values) {
  constexpr std::string_view kKind = "an array of strings";
  const auto items = Take<TomlArray>(name, kKind);
  if (!items) return;
  values.clear();
  for (const TomlValue& item : *items) {
    const auto* text = std::get_if<std::string>(&item.data);
    if (text == nullptr) {
      Fail(name, absl::StrCat("[… ", TomlText(item), " …], must be ", std::string(kKind)));
      return;
    }
    values.push_back(*text);
  }
}

void RecordReader::Flag(std::string_view name, bool& value) {
  if (const auto read = Take<bool>(name, "true or false")) value = *read;
}

void RecordReader::Number(std::string_view name, double& value, double low, double high) {
  const auto read = Take<double>(name, "a number");
  if (!read) return;
  if (!(low <= *read && *read <= high)) {  // NaN is in no range
    Fail(name, absl::StrCat(TomlNumber(*read), ", must lie between ", TomlNumber(low), " and ",
                            TomlNumber(high)));
    return;
  }
  value = *read;
}

std::optional<int64_t> RecordReader::TakeInteger(std::string_view name, int64_t low, int64_t high) {
  const auto read = Take<int64_t>(name, "an integer");
  if (read && (*read < low || *read > high)) {
    Fail(name, absl::StrCat(*read, ", must lie between ", low, " and ", high));
    return std::nullopt;
  }
  return read;
}

void RecordReader::Hash(std::string_view name, uint64_t& value) {
  const auto text = TakeText(name, "a string of hexadecimal digits");
  if (!text) return;
  const auto read =
      text->starts_with("0x") ? ParseUnsigned(std::string_view(*text).substr(2), 16) : std::nullopt;
  if (read) {
    value = *read;
  } else {
    Fail(name, absl::StrCat(TomlString(*text), ", must be 0x and up to 16 hexadecimal digits"));
  }
}

void RecordReader::Seed(std::string_view name, uint64_t& value) {
  const auto text = TakeText(name, "a string of decimal digits");
  if (!text) return;
  if (const auto read = ParseUnsigned(*text, 10)) {
    value = *read;
  } else {
    Fail(name, absl::StrCat(TomlString(*text), ", must be a whole number below 2^64"));
  }
}

bool RecordReader::Operation(std::string_view name, ops::Problem& problem) {
  const auto word = TakeText(name, "a word");
  if (!word) return false;
  const ops::Operation* const operation = ops::FindOperation(*word);
  if (operation == nullptr) {
    Fail(name, absl::StrCat(TomlString(*word), ", an unknown operation"));
    return false;
  }
  problem = operation->blank();
  return true;
}

void RecordReader::Choice(const ops::Option& option, ops::Problem& problem) {
  const auto word = TakeText(option.name, "a word");
  if (!word) return;
  const auto found = std::find(option.words.begin(), option.words.end(), *word);
  if (found == option.words.end()) {
    Fail(option.name, absl::StrCat(TomlString(*word), ", an unknown ", std::string(option.name)));
    return;
  }
  option.set(problem, static_cast<int>(found - option.words.begin()));
}

bool RecordReader::Algorithm(std::string_view name, const ops::Operation& operation,
                             ops::Config& config) {
  if (!Good()) return false;
  const ops::Algorithm* algorithm = nullptr;
  if (names_algorithms()) {
    const auto word = TakeText(name, "a word");
    if (!word) return false;
    algorithm = ops::FindAlgorithm(operation, *word);
    if (algorithm == nullptr) {
      Fail(name,
           absl::StrCat(TomlString(*word), ", not an algorithm of ", std::string(operation.name)));
      return false;
    }
  } else if (operation.algorithm_of_old != nullptr) {
    algorithm = operation.algorithm_of_old([&](std::string_view key) -> std::string {
      const TomlEntry* const entry = FindEntry(Current(), key);
      const auto* text = entry != nullptr ? std::get_if<std::string>(&entry->value.data) : nullptr;
      return text != nullptr ? *text : "";
    });
  }
  if (algorithm == nullptr) {
    Fail(name, absl::StrCat("missing, and the other keys identify no algorithm of ",
                            std::string(operation.name)));
    return false;
  }
  config = algorithm->blank();
  return true;
}

void RecordReader::Tunable(const ops::Field& field, ops::Config& config) {
  const bool is_old = !names_algorithms();
  const std::string_view name = is_old && !field.old_name.empty() ? field.old_name : field.name;
  Since(field.since);
  const TomlEntry* const entry = Good() ? FindEntry(Current(), name) : nullptr;
  const bool is_word = entry != nullptr && std::holds_alternative<std::string>(entry->value.data);
  // The first values of a ladder may have words; other values, and all in old records, are numbers.
  const int64_t words = is_old ? 0 : static_cast<int64_t>(field.labels.size());
  if (field.labels.empty() || !is_word) {
    // ops::Validate decides which values are valid. The bounds only keep all arithmetic far from
    // overflow.
    const bool may_be_number = is_old || words < static_cast<int64_t>(field.values.size());
    if (!may_be_number) {
      (void)TakeText(name, "a word");  // records the error: not a word, or missing
      return;
    }
    if (const auto value = TakeInteger(name, std::min<int64_t>(words, 1 << 20), 1 << 20)) {
      const int read = static_cast<int>(*value);
      field.set(config, is_old && field.old_value != nullptr ? field.old_value(read) : read);
    }
    return;
  }
  const auto label = TakeText(name, "a word");
  if (!label) return;
  const auto found = std::find(field.labels.begin(), field.labels.end(), *label);
  if (found != field.labels.end()) {
    field.set(config, static_cast<int>(found - field.labels.begin()));
    return;
  }
  Fail(name, absl::StrCat(TomlString(*label), ", must be one of ",
                          absl::StrJoin(field.labels, ", ",
                                        [](std::string* out, auto word) { out->append(word); })));
}

TomlTable RecordReader::TakeRest() {
  if (!names_algorithms()) {
    // Old records had the keys of all algorithms: the remaining ones belong to another algorithm.
    for (const char* section : {"config", "default_config"}) {
      std::erase_if(table_, [&](const TomlEntry& entry) { return entry.key == section; });
    }
  }
  // The known sections are empty now, except for unknown fields.
  std::erase_if(table_, [](const TomlEntry& entry) {
    const auto* section = std::get_if<TomlTable>(&entry.value.data);
    return section != nullptr && section->empty();
  });
  return std::move(table_);
}

}  // namespace jitattn::cache
