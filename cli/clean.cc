// UTF-8 by hand: Abseil has no public decoder in the versions that are about.

#include "cli/clean.h"

#include <cstdint>

#include "absl/strings/ascii.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

}  // namespace

int Utf8Bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < static_cast<size_t>(length)) return 0;
  for (int i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

std::string Clean(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const int bytes = Utf8Bytes(text);
    if (bytes == 0) {
      clean.append(kReplacement);
      text.remove_prefix(1);
      continue;
    }
    const bool control = bytes == 1 && absl::ascii_iscntrl(text[0]);
    const bool control_2 = bytes == 2 && static_cast<uint8_t>(text[0]) == 0xc2 &&
                           static_cast<uint8_t>(text[1]) < 0xa0;  // C1
    // U+FFFE and U+FFFF are no characters of XML.
    const bool no_xml =
        bytes == 3 && text.starts_with("\xef\xbf") && static_cast<uint8_t>(text[2]) >= 0xbe;
    if (control || control_2) {
      clean.push_back(' ');
    } else {
      clean.append(no_xml ? kReplacement : text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return clean;
}

}  // namespace jitattn::cli
