// Text from outside on its way to a terminal.

#include "cli/clean.h"

#include "base/utf8.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// The C0 controls, DEL and the C1 controls.
bool IsControl(char32_t c) { return c < 0x20 || (0x7f <= c && c < 0xa0); }

// XML does not allow U+FFFE and U+FFFF.
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
