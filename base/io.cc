// Reads and writes of all requested bytes.

#include "base/io.h"

#include <unistd.h>

#include <cerrno>

namespace jitattn::inline base {
namespace {

// Calls transfer(done) until `bytes` are transferred or a call returns 0 (the end) or less. Returns
// the number of bytes transferred, or -1 if a call failed.
template <typename Transfer>
int64_t Repeat(int64_t bytes, const Transfer& transfer) {
  int64_t done = 0;
  while (done < bytes) {
    const ssize_t count = transfer(done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += count;
  }
  return done;
}

}  // namespace

int64_t ReadFully(int fd, void* out, int64_t bytes, int64_t offset) {
  return Repeat(bytes, [&](int64_t done) {
    char* const to = static_cast<char*>(out) + done;
    const auto left = static_cast<size_t>(bytes - done);
    return offset == kFilePosition ? read(fd, to, left) : pread(fd, to, left, offset + done);
  });
}

bool WriteFully(int fd, const void* data, int64_t bytes, int64_t offset) {
  const int64_t written = Repeat(bytes, [&](int64_t done) {
    const char* const from = static_cast<const char*>(data) + done;
    const auto left = static_cast<size_t>(bytes - done);
    return offset == kFilePosition ? write(fd, from, left) : pwrite(fd, from, left, offset + done);
  });
  if (written >= 0 && written < bytes) errno = EIO;  // a call returned 0 and set no errno
  return written == bytes;
}

}  // namespace jitattn::inline base
