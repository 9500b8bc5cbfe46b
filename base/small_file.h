// Reads the kernel's small text files: sysfs, procfs.

#ifndef JITATTN_BASE_SMALL_FILE_H_
#define JITATTN_BASE_SMALL_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jitattn::inline base {

// The file's text without trailing white space, or "" if it cannot be read. At most 1 MiB: the
// largest file read here is the mountinfo of a busy container host.
std::string ReadSmallFile(const std::string& path);

// All of `text` as a decimal number, or nothing.
std::optional<int64_t> ParseInt(std::string_view text);

// "0-3,8,10-11" → {0, 1, 2, 3, 8, 10, 11}; empty for text of another form.
std::vector<int> ParseCpuList(std::string_view text);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_SMALL_FILE_H_
