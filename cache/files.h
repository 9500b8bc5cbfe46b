// Reading and writing small files that others may have tampered with, or may read meanwhile.

#ifndef JITATTN_CACHE_FILES_H_
#define JITATTN_CACHE_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace jitattn::cache {

// The error of a system call, with the system's words for it behind `message`. Not Abseil's, which
// asks a table that its first caller makes: a child forked meanwhile would wait for ever.
absl::Status ErrnoStatus(int error, std::string_view message);

// The whole file. Links are followed: it is the opened file that must be regular, owned by this
// user or root (under sudo, by the caller too), and writable by its owner only. Never waits, not
// even for a FIFO. NotFound if there is none; every other message begins with the path.
absl::StatusOr<std::string> ReadTrusted(const std::string& path, int64_t max_bytes);

// Replaces folder/name by a file of this content, at once for every reader, and makes it last
// through a power cut. The file's permissions are `mode`, less the umask. Missing folders are made
// (0700); an existing one is never changed. On failure an old file stands untouched, and no
// temporary file is left. A limit on the size of files is a failure, not a signal. What an earlier
// process left when it was killed is removed on the way.
//   REQUIRES: `name` has no slash and does not begin with a dot.
absl::Status WriteAtomically(const std::string& folder, const std::string& name,
                             std::string_view content, unsigned mode = 0600);

// Whether WriteAtomically has a chance to write a file of `bytes` there, found out by writing one,
// which is removed. Folders that are missing are made.
absl::Status CheckWritable(const std::string& folder, int64_t bytes);

// The temporary files that killed writers left in a folder more than an hour ago are removed.
void RemoveLeftOvers(const std::string& folder);

// Names in a folder, sorted; those that begin with a dot are left out. Empty if there is no folder.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_FILES_H_
