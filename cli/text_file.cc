// Whole files: bounded reads, and writes that end in a rename.

#include "cli/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "base/io.h"
#include "cache/files.h"

namespace jitattn::cli {
namespace {

namespace fs = std::filesystem;

std::string FolderOf(const std::string& path) {
  const std::string folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int file, int64_t max_bytes) {
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: %s", path, S_ISDIR(info.st_mode) ? "is a folder" : "not a regular file"));
  }
  const auto limit = static_cast<size_t>(max_bytes);
  std::string text;
  // Only a hint: the file may grow meanwhile, and files in /proc have size 0.
  text.reserve(std::min(limit, static_cast<size_t>(info.st_size)));
  char buffer[1 << 16];
  int64_t got = sizeof buffer;
  while (got == sizeof buffer) {
    got = ReadFully(file, buffer, sizeof buffer);
    if (got < 0) {
      return absl::UnavailableError(
          absl::StrFormat("cannot read %s: %s", path, std::strerror(errno)));
    }
    if (text.size() + static_cast<size_t>(got) > limit) {
      return absl::DataLossError(absl::StrFormat("%s: longer than %d MiB", path, max_bytes >> 20));
    }
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path, int64_t max_bytes) {
  // O_NONBLOCK: open() would wait for the writer of a FIFO. ReadAll refuses FIFOs and devices.
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) {
    return absl::NotFoundError(absl::StrFormat("cannot open %s: %s", path, std::strerror(errno)));
  }
  absl::StatusOr<std::string> text = ReadAll(path, file, max_bytes);
  close(file);
  return text;
}

absl::Status CheckTextFile(std::string_view flag, const std::string& path) {
  const std::string name = fs::path(path).filename();
  if (name.empty() || name.starts_with('.')) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s %s: expected a file name that does not begin with a dot", flag, path));
  }
  std::error_code ignored;
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
    return absl::FailedPreconditionError(absl::StrFormat("%s %s: not a plain file", flag, path));
  }
  if (access(FolderOf(path).c_str(), W_OK | X_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s %s: cannot write to its folder: %s", flag, path, std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status WriteTextFile(const std::string& path, std::string_view content) {
  struct stat old;
  const unsigned mode = stat(path.c_str(), &old) == 0 ? old.st_mode & 0777u : 0666u;
  return cache::WriteAtomically(FolderOf(path), fs::path(path).filename(), content, mode);
}

}  // namespace jitattn::cli
