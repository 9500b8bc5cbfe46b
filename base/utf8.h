// UTF-8 decoding; current versions of Abseil have no public decoder.

#ifndef JITATTN_BASE_UTF8_H_
#define JITATTN_BASE_UTF8_H_

#include <string_view>

namespace jitattn::inline base {

inline constexpr char32_t kReplacementCharacter = 0xfffd;

// Removes the first character of `text` and returns it (RFC 3629: no surrogates, no overlong
// forms). If the first byte does not begin a valid character, removes that byte only and returns
// kReplacementCharacter. REQUIRES: `text` is not empty.
char32_t TakeCharacter(std::string_view& text);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_UTF8_H_
