// UTF-8 decoding.

#include "base/utf8.h"

#include <cstddef>

namespace jitattn::inline base {

char32_t TakeCharacter(std::string_view& text) {
  const auto byte = [&](size_t i) { return i < text.size() ? char32_t(text[i] & 0xff) : 0; };
  const char32_t lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t c = length == 1 ? lead : lead & (0x7f >> length);
  bool good = lead < 0x80 || (0xc0 <= lead && lead < 0xf8);
  for (size_t i = 1; i < length; ++i) {
    good = good && (byte(i) & 0xc0) == 0x80;
    c = c << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kFirstOfLength[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && kFirstOfLength[length] <= c && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
  text.remove_prefix(good ? length : 1);
  return good ? c : kReplacementCharacter;
}

}  // namespace jitattn::inline base
