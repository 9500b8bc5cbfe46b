// Text from outside on its way to a terminal.

#ifndef JITATTN_CLI_CLEAN_H_
#define JITATTN_CLI_CLEAN_H_

#include <string>
#include <string_view>

namespace jitattn::cli {

// Valid UTF-8 on one line: other bytes become U+FFFD, control characters blanks. A terminal obeys
// control characters (ESC, and CSI in one character), so that a file's words could retitle, clear
// or drive it.
std::string Clean(std::string_view text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_CLEAN_H_
