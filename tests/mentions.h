// Messages are checked for the data that they carry (a value, a flag, a field, a path and line),
// not for their sentences, which may be reworded.

#ifndef JITATTN_TESTS_MENTIONS_H_
#define JITATTN_TESTS_MENTIONS_H_

#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"

namespace jitattn {

// Whether `datum` is in `text` as a word: 3 is in "at least 3", not in "32".
inline bool IsMentioned(std::string_view datum, std::string_view text) {
  const auto joins = [](char a, char b) {
    const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    return in_word(a) && in_word(b);
  };
  for (size_t at = text.find(datum); at != text.npos; at = text.find(datum, at + 1)) {
    const size_t end = at + datum.size();
    const bool begins = at == 0 || !joins(text[at - 1], datum.front());
    const bool ends = end == text.size() || !joins(datum.back(), text[end]);
    if (begins && ends) return true;
  }
  return false;
}

MATCHER_P(MentionsAll, data, "mentions " + ::testing::PrintToString(data)) {
  for (const std::string& datum : data) {
    if (IsMentioned(datum, std::string_view(arg.data(), arg.size()))) continue;
    *result_listener << "without " << datum;
    return false;
  }
  return true;
}

// A text that mentions each of `data`.
inline auto Mentions(std::vector<std::string> data) { return MentionsAll(std::move(data)); }

}  // namespace jitattn

#endif  // JITATTN_TESTS_MENTIONS_H_
