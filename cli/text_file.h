// Whole files that a user names: recordings in, recordings and tables out.

#ifndef JITATTN_CLI_TEXT_FILE_H_
#define JITATTN_CLI_TEXT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cli {

// NotFound and the like, never InvalidArgument; the message begins with the path.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

// Whether WriteTextFile has a chance, asked before work that takes minutes: the folder is there and
// may be written to, and what stands under the name is a plain file. `flag` begins the message.
absl::Status CheckTextFile(std::string_view flag, const std::string& path);

// At once for every reader: an interrupted or failed write leaves an older file as it was. A new
// file has the permissions that the umask leaves; one that replaces another, no more than that one
// had.
absl::Status WriteTextFile(const std::string& path, std::string_view content);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TEXT_FILE_H_
