// Names of emitted kernels for profilers.

#include "jit/perf_map.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/env.h"
#include "base/format.h"

namespace jitattn::jit {

void WritePerfMap(std::span<const uint8_t> code, std::string_view name) {
  const char* wanted = Env("JITATTN_PERF_MAP");
  if (wanted == nullptr || std::strcmp(wanted, "1") != 0) return;
  // The file is opened for every line: after a fork the PID in its name differs.
  const std::string path = Format("/tmp/perf-%d.map", getpid());
  const int fd =
      open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return;
  // /tmp is writable for everyone and the name is predictable. Hence the file must be a regular
  // file of this user without a second hard link.
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
      info.st_nlink == 1) {
    const std::string line = Format("%x %x %s\n", reinterpret_cast<uintptr_t>(code.data()),
                                    code.size(), std::string(name));
    // One write() per line: O_APPEND keeps the lines of several threads apart.
    [[maybe_unused]] const ssize_t written = write(fd, line.data(), line.size());
  }
  close(fd);
}

}  // namespace jitattn::jit
