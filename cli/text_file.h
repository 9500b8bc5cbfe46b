// Whole files that a user names: recordings in, recordings and tables out.

#ifndef JITATTN_CLI_TEXT_FILE_H_
#define JITATTN_CLI_TEXT_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cli {

// More than any public recording has when unpacked; what is made of it takes several times as much
// memory.
inline constexpr int64_t kMaxTextBytes = int64_t{512} << 20;

// A regular file, or a link to one; never waits. NotFound, FailedPrecondition, DataLoss where it is
// longer than `max_bytes`, never InvalidArgument; the message names the path.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         int64_t max_bytes = kMaxTextBytes);

// Whether WriteTextFile has a chance, asked before work that takes minutes: the folder is there and
// may be written to, and what stands under the name is a plain file. `flag` begins the message.
absl::Status CheckTextFile(std::string_view flag, const std::string& path);

// At once for every reader: an interrupted or failed write leaves an older file as it was. A new
// file has the permissions that the umask leaves; one that replaces another, no more than that one
// had.
absl::Status WriteTextFile(const std::string& path, std::string_view content);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TEXT_FILE_H_
