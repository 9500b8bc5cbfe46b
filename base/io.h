// Reading and writing as much as was asked for: neither a signal nor a short transfer ends it.

#ifndef JITATTN_BASE_IO_H_
#define JITATTN_BASE_IO_H_

#include <cstdint>

namespace jitattn::inline base {

// Where the file stands, which then moves.
inline constexpr int64_t kFilePosition = -1;

// Reads until `bytes` are there or the file ends: how many there are. -1, with errno, where the
// system refuses to read.
int64_t ReadFully(int fd, void* out, int64_t bytes, int64_t offset = kFilePosition);

// False, with errno, where not all could be written.
bool WriteFully(int fd, const void* data, int64_t bytes, int64_t offset = kFilePosition);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_IO_H_
