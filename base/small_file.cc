// Reads the kernel's small text files: sysfs, procfs.

#include "base/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/io.h"

namespace jitattn::inline base {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr int64_t kMaxCpus = 1 << 16;  // limits the memory for a damaged list

}  // namespace

std::string ReadSmallFile(const std::string& path) {
  // Plain system calls: an ifstream costs more than the read, and an application's first call pays
  // for it.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::string text;
  char chunk[4096];
  int64_t n = sizeof chunk;
  while (n == sizeof chunk && text.size() < kMaxFileBytes) {
    n = ReadFully(fd, chunk, sizeof chunk);
    if (n > 0) text.append(chunk, static_cast<size_t>(n));
  }
  close(fd);
  text.erase(text.find_last_not_of(" \n\t") + 1);
  return text;
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<int> ParseCpuList(std::string_view text) {
  std::vector<int> cpus;
  while (!text.empty()) {
    const std::string_view range = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), range.size() + 1));
    const size_t dash = range.find('-');
    const auto first = ParseInt(range.substr(0, dash));
    const auto last = dash == range.npos ? first : ParseInt(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMaxCpus) return {};
    for (int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

}  // namespace jitattn::inline base
