// Text from outside on its way to a terminal.

#include "cli/clean.h"

#include "base/utf8.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// C0, DEL and C1.
bool IsControl(char32_t c) { return c < 0x20 || (0x7f <= c && c < 0xa0); }

// U+FFFE and U+FFFF are no characters of XML.
bool IsReplaced(char32_t c) { return c == kReplacementCharacter || c == 0xfffe || c == 0xffff; }

}  // namespace

std::string Clean(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = TakeCharacter(text);
    if (IsControl(c)) {
      clean.push_back(' ');
    } else {
      clean.append(IsReplaced(c) ? kReplacement : before.substr(0, before.size() - text.size()));
    }
  }
  return clean;
}

}  // namespace jitattn::cli
