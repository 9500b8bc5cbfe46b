// JSON from outside.

#include "lab/replay/json_text.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace jitattn::lab {
namespace {

using Json = nlohmann::json;

// An error at byte `byte` of `text`; lines and columns count from 1.
absl::Status ErrorAt(std::string_view text, size_t byte, std::string_view rule) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t start = before.rfind('\n');
  const size_t column = before.size() - (start == before.npos ? 0 : start + 1);
  return absl::InvalidArgumentError(absl::StrCat(
      "line ", line, ", column ", std::max<size_t>(column, 1), ": ", std::string(rule)));
}

// Counts brackets outside strings. An unterminated string ends the count, and the parser stops
// there, too.
absl::Status CheckDepth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) {
        return ErrorAt(text, i + 1,
                       absl::StrCat("values nested more than ", kMaxJsonDepth, " deep"));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Parse(std::string_view text, const Json::parser_callback_t& callback) {
  if (absl::Status status = CheckDepth(text); !status.ok()) return status;
  try {
    return Json::parse(text, callback);
  } catch (const Json::parse_error& error) {
    return ErrorAt(text, error.byte, "invalid JSON from here on");
  } catch (const Json::exception&) {  // out_of_range, which has no position
    return absl::InvalidArgumentError("a number is beyond the range of float64");
  }
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text) { return Parse(text, nullptr); }

absl::StatusOr<Json> ParseJson(std::string_view text, int depth, std::vector<std::string>* keys) {
  std::unordered_set<std::string> known;
  return Parse(text, [&](int at, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && at == depth) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (known.insert(key).second) keys->push_back(key);
    }
    return true;
  });
}

}  // namespace jitattn::lab
