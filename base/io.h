// Reads and writes of all requested bytes; signals and short transfers are retried.

#ifndef JITATTN_BASE_IO_H_
#define JITATTN_BASE_IO_H_

#include <cstdint>

namespace jitattn::inline base {

// The file's current position, which then advances.
inline constexpr int64_t kFilePosition = -1;

// Reads until `bytes` bytes or the end of the file. Returns the number of bytes read, or -1 with
// errno on an error.
int64_t ReadFully(int fd, void* out, int64_t bytes, int64_t offset = kFilePosition);

// Writes all bytes. Returns false with errno on an error.
bool WriteFully(int fd, const void* data, int64_t bytes, int64_t offset = kFilePosition);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_IO_H_
