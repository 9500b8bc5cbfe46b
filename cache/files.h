// Reading and writing small files that other users may have tampered with, or may read meanwhile.

#ifndef JITATTN_CACHE_FILES_H_
#define JITATTN_CACHE_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cache {

// The status for the errno of a system call: `message`, then the system's text for the error. Not
// absl::ErrnoToStatus, whose first caller builds a table under a lock: a child process forked at
// that moment would wait forever.
absl::Status ErrnoStatus(int error, std::string_view message);

// Reads a whole file of at most `max_bytes`. The file must be regular, owned by this user or root
// (under sudo, also by the caller), and writable by its owner only. Links are followed: the rules
// apply to the opened file. Never blocks, not even on a FIFO. NotFound if there is no such file;
// FailedPrecondition if a rule is broken or the file is longer. Every message begins with the path.
absl::StatusOr<std::string> ReadTrusted(const std::string& path, int64_t max_bytes);

// Replaces folder/name by a file of this content. The replacement is atomic for every reader and
// synced to disk. The file's permissions are `mode`, less the umask. Missing folders are made with
// mode 0700; an existing one is never changed. On failure the old file is unchanged and no
// temporary file remains. Exceeding a limit on file sizes (RLIMIT_FSIZE) is a failure, not a
// signal. Also removes old temporary files, as RemoveLeftOvers does.
//   REQUIRES: `name` has no slash and does not begin with a dot.
absl::Status WriteAtomically(const std::string& folder, const std::string& name,
                             std::string_view content, unsigned mode = 0600);

// Appends a line to a file, and makes the file, unless it has the line already. Several processes
// may do so at once: a lock keeps them apart, and where it is not to be had within a tenth of a
// second, the line is appended all the same, in one write. An unfinished last line stays a line of
// its own. Never blocks on a FIFO.
//   FailedPrecondition  it is not a regular file, or would become longer than `max_bytes`
absl::Status AppendLineOnce(const std::string& path, std::string_view line, int64_t max_bytes);

// Tests whether WriteAtomically could write a file of `bytes` to the folder: writes such a file and
// removes it. Makes missing folders.
absl::Status CheckWritable(const std::string& folder, int64_t bytes);

// Removes the temporary files that killed writers left in a folder more than an hour ago.
void RemoveLeftOvers(const std::string& folder);

// The names in a folder, sorted, without those that begin with a dot. Empty if there is no folder.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_FILES_H_
