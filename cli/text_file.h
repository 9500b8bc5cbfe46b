// Reads and writes whole files that a user names, such as recordings and tables.

#ifndef JITATTN_CLI_TEXT_FILE_H_
#define JITATTN_CLI_TEXT_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cli {

// More than any public recording has after decompression. Parsing takes several times this memory.
inline constexpr int64_t kMaxTextBytes = int64_t{512} << 20;

// Reads a regular file, or a link to one. Never blocks on a pipe or device. Messages name the path.
//   NotFound            the file cannot be opened
//   FailedPrecondition  it is not a regular file
//   DataLoss            it is longer than `max_bytes`
//   Unavailable         reading failed
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         int64_t max_bytes = kMaxTextBytes);

// Checks, before work that takes minutes, that WriteTextFile can succeed: the folder exists and is
// writable, and `path` is a regular file or does not exist. The message begins with `flag`.
//   InvalidArgument     the file name is empty or begins with a dot
//   FailedPrecondition  otherwise
absl::Status CheckTextFile(std::string_view flag, const std::string& path);

// Replaces the file atomically: readers see the old or the new content, and an interrupted or
// failed write leaves an older file unchanged. A new file gets the permissions that the umask
// allows; a replaced file gets no more than it had.
absl::Status WriteTextFile(const std::string& path, std::string_view content);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TEXT_FILE_H_
