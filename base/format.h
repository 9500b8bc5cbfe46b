// Formatted text.

#ifndef JITATTN_BASE_FORMAT_H_
#define JITATTN_BASE_FORMAT_H_

#include <string>

#include "absl/strings/str_format.h"

namespace jitattn::inline base {

// Like absl::StrFormat, but throws std::bad_alloc if memory runs out. (StrFormat appends to a
// string in a destructor, so it ends the process.)
template <typename... Args>
std::string Format(const absl::FormatSpec<Args...>& format, const Args&... args) {
  char text[512];
  const int length = absl::SNPrintF(text, sizeof text, format, args...);
  if (length < static_cast<int>(sizeof text)) return std::string(text, length);
  std::string longer(length + 1, '\0');
  absl::SNPrintF(longer.data(), longer.size(), format, args...);
  longer.pop_back();
  return longer;
}

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_FORMAT_H_
