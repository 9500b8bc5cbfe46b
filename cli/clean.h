// Text from outside on its way to a terminal.

#ifndef JITATTN_CLI_CLEAN_H_
#define JITATTN_CLI_CLEAN_H_

#include <string>
#include <string_view>

namespace jitattn::cli {

// `text` as valid UTF-8 on one line: invalid bytes become U+FFFD, control characters become blanks.
// A terminal obeys control characters (ESC, and CSI as a single character), so text from a file
// could otherwise retitle, clear or drive the terminal.
std::string Clean(std::string_view text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_CLEAN_H_
