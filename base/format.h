// Text from a format.

#ifndef JITATTN_BASE_FORMAT_H_
#define JITATTN_BASE_FORMAT_H_

#include <string>

#include "absl/strings/str_format.h"

namespace jitattn::inline base {

// absl::StrFormat, which ends the process where there is no memory for its result: it appends to a
// string in a destructor. This one throws std::bad_alloc.
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
