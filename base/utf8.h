// UTF-8 by hand: Abseil has no public decoder in the versions that are about.

#ifndef JITATTN_BASE_UTF8_H_
#define JITATTN_BASE_UTF8_H_

#include <string_view>

namespace jitattn::inline base {

inline constexpr char32_t kReplacementCharacter = 0xfffd;

// Takes a character off the front of `text`, which is not empty (RFC 3629: no surrogates, no long
// forms). Of a byte that begins none, that byte alone is taken, as kReplacementCharacter.
char32_t TakeCharacter(std::string_view& text);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_UTF8_H_
