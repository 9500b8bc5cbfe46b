// Converts between TOML text and plain data. The only file that includes TOML++.

#include "cache/toml.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"

// TOML++ 3.3 is compiled into this file, with these options instead of the system library's:
//   - no asserts: they fail on some damaged files. With NDEBUG TOML++ would turn them into
//     assumptions of the compiler, and a damaged file would be undefined behaviour;
//   - errors are returned, not thrown;
//   - nesting is limited: TOML++ recurses, and an application's thread may have a small stack.
#undef NDEBUG
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#undef TOML_ASSERT
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16  // kMaxDepth
#include <toml++/toml.h>

namespace jitattn::cache {
namespace {

// Keys of records have at most one dot. TOML++ recurses for each dot, and 3.3 overflows the stack
// at some ten thousand.
constexpr int kMaxDots = 8;

// Limit on the nesting of values; a number has depth 1. Checked again after parsing: dotted keys
// make tables that TOML++ does not count, but would count when it reads them back written in
// braces.
constexpr int kMaxDepth = 16;

absl::Status ErrorAt(std::string_view source, int line, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(source), ":", line, ": ", std::string(what)));
}

// Skips the string that starts with a quote at `i`, and sets `i` to the position after it. If a
// one-line string has no end, `i` is set to the end of the line; TOML++ reports the error.
void SkipString(std::string_view text, size_t& i) {
  const char quote = text[i];
  const std::string fence(3, quote);
  const bool is_long = text.substr(i, 3) == fence;
  for (i += is_long ? 3 : 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (is_long ? text.substr(i, 3) == fence : text[i] == quote) {
      i += is_long ? 3 : 1;
      return;
    } else if (!is_long && text[i] == '\n') {
      return;
    }
  }
}

// Refuses text that crashes TOML++ 3.3: keys with too many dots, and characters beyond ASCII where
// TOML allows none (it reaches an `unreachable`). Non-ASCII characters are refused everywhere,
// since the writer escapes them. Text after the first syntax error may be misread here, which is
// harmless: TOML++ stops at that error.
absl::Status CheckText(std::string_view text, std::string_view source) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c < ' ' || c > '~') && c != '\t' && c != '\n' && c != '\r') {
      const auto line = 1 + std::count(text.begin(), text.begin() + i, '\n');
      return ErrorAt(source, line,
                     absl::StrCat("byte 0x", absl::Hex(c & 0xff, absl::kZeroPad2),
                                  ": records must be plain ASCII"));
    }
  }
  int line = 1, dots = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const size_t start = i;
      SkipString(text, i);
      for (char s : text.substr(start, i - start)) line += s == '\n';
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '\n') ++line;
    dots = c == '.' ? dots + 1 : std::string_view("=,[]{}\n").find(c) != text.npos ? 0 : dots;
    if (dots > kMaxDots) {
      return ErrorAt(source, line, absl::StrCat("a key of more than ", kMaxDots + 1, " parts"));
    }
    ++i;
  }
  return absl::OkStatus();
}

TomlValue Convert(const ::toml::node& node);

TomlTable ConvertTable(const ::toml::table& table) {
  TomlTable result;
  for (const auto& [key, node] : table) {
    result.push_back({std::string(key.str()), Convert(node)});
  }
  return result;
}

TomlValue Convert(const ::toml::node& node) {
  TomlValue value;
  value.line = static_cast<int>(node.source().begin.line);
  if (const auto* table = node.as_table()) {
    value.data = ConvertTable(*table);
  } else if (const auto* array = node.as_array()) {
    TomlArray items;
    for (const auto& item : *array) items.push_back(Convert(item));
    value.data = std::move(items);
  } else if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.data = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.data = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.data = flag->get();
  } else {
    std::ostringstream moment;
    moment.imbue(std::locale::classic());
    if (const auto* date = node.as_date()) moment << date->get();
    if (const auto* time = node.as_time()) moment << time->get();
    if (const auto* date_time = node.as_date_time()) moment << date_time->get();
    value.data = TomlMoment{moment.str()};
  }
  return value;
}

int Depth(const TomlValue& value) {
  int below = 0;
  if (const auto* items = std::get_if<TomlArray>(&value.data)) {
    for (const TomlValue& item : *items) below = std::max(below, Depth(item));
  } else if (const auto* table = std::get_if<TomlTable>(&value.data)) {
    for (const TomlEntry& entry : *table) below = std::max(below, Depth(entry.value));
  }
  return below + 1;
}

std::string Joined(const TomlArray& items) {
  std::string text;
  for (const TomlValue& item : items)
    absl::StrAppend(&text, text.empty() ? "" : ", ", TomlText(item));
  return text;
}

std::string Joined(const TomlTable& entries) {
  std::string text;
  for (const TomlEntry& entry : entries) {
    absl::StrAppend(&text, text.empty() ? " " : ", ", TomlKey(entry.key), " = ",
                    TomlText(entry.value));
  }
  return text.empty() ? text : text + " ";
}

}  // namespace

TomlEntry* FindEntry(TomlTable& table, std::string_view key) {
  for (TomlEntry& entry : table) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

absl::StatusOr<TomlTable> ParseToml(std::string_view text, std::string_view source) {
  if (absl::Status status = CheckText(text, source); !status.ok()) return status;
  const ::toml::parse_result result = ::toml::parse(text);
  if (!result) {
    // Escaped, since the description quotes the file and may be printed on a terminal.
    return ErrorAt(source, static_cast<int>(result.error().source().begin.line),
                   absl::Utf8SafeCEscape(std::string(result.error().description())));
  }
  TomlTable table = ConvertTable(result.table());
  for (const TomlEntry& entry : table) {
    if (Depth(entry.value) > kMaxDepth) {
      return ErrorAt(source, entry.value.line,
                     absl::StrCat("values nested more than ", kMaxDepth, " deep"));
    }
  }
  return table;
}

std::string TomlString(std::string_view value) {
  std::string text = "\"";
  while (!value.empty()) {
    const char32_t c = TakeCharacter(value);
    if (c == '"' || c == '\\') {
      text += {'\\', static_cast<char>(c)};
    } else if (' ' <= c && c <= '~') {
      text += static_cast<char>(c);
    } else if (c <= 0xffff) {
      absl::StrAppend(&text, "\\u", absl::Hex(c, absl::kZeroPad4));
    } else {
      absl::StrAppend(&text, "\\U", absl::Hex(c, absl::kZeroPad8));
    }
  }
  return text + "\"";
}

std::string TomlNumber(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];  // 24 at most: sign, 17 digits, point, e, sign, 3 digits
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  const std::string text(buffer, end);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

std::string TomlKey(std::string_view key) {
  const bool bare =
      !key.empty() &&
      key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
          key.npos;
  return bare ? std::string(key) : TomlString(key);
}

std::string TomlText(const TomlValue& value) {
  struct Printer {
    std::string operator()(bool flag) { return flag ? "true" : "false"; }
    std::string operator()(int64_t number) { return absl::StrCat(number); }
    std::string operator()(double number) { return TomlNumber(number); }
    std::string operator()(const std::string& text) { return TomlString(text); }
    std::string operator()(const TomlMoment& moment) { return moment.text; }
    std::string operator()(const TomlArray& items) { return absl::StrCat("[", Joined(items), "]"); }
    std::string operator()(const TomlTable& table) { return absl::StrCat("{", Joined(table), "}"); }
  };
  return std::visit(Printer(), value.data);
}

}  // namespace jitattn::cache
