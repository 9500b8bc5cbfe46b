// Converts between TOML text and plain data, and hides TOML++ from the rest of the cache.

#ifndef JITATTN_CACHE_TOML_H_
#define JITATTN_CACHE_TOML_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::cache {

struct TomlValue;
struct TomlEntry;
using TomlArray = std::vector<TomlValue>;
using TomlTable = std::vector<TomlEntry>;  // in alphabetical order, each key once

// A date or a time. Records contain none; such unknown values are only preserved.
struct TomlMoment {
  std::string text;
};

struct TomlValue {
  std::variant<bool, int64_t, double, std::string, TomlMoment, TomlArray, TomlTable> data;
  int line = 0;  // line in the text, from 1
};

struct TomlEntry {
  std::string key;
  TomlValue value;
};

// The entry of that name, or null.
TomlEntry* FindEntry(TomlTable& table, std::string_view key);

// Parses text from any source, with bounded nesting. InvalidArgument for invalid text; the message
// begins with "source:line: ".
//   REQUIRES: the caller has bounded the size of the text.
absl::StatusOr<TomlTable> ParseToml(std::string_view text, std::string_view source);

// Values in TOML syntax, on one line, in ASCII. Bytes that are not UTF-8 become U+FFFD, since TOML
// cannot express them. Numbers are the shortest that read back as the same double, in any locale.
std::string TomlString(std::string_view value);
std::string TomlNumber(double value);
std::string TomlKey(std::string_view key);  // bare if TOML allows it, else quoted
std::string TomlText(const TomlValue& value);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_TOML_H_
