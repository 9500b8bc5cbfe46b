// Whole files: streams to read, a rename to write.

#include "cli/text_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_format.h"
#include "cache/files.h"

namespace jitattn::cli {
namespace {

namespace fs = std::filesystem;

std::string FolderOf(const std::string& path) {
  const std::string folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  // A folder can be opened, and then reads as an empty file.
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return absl::FailedPreconditionError(absl::StrFormat("%s: is a folder", path));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file.fail()) {
    return absl::NotFoundError(absl::StrFormat("cannot open %s: %s", path, std::strerror(errno)));
  }
  return text.str();
}

absl::Status CheckTextFile(std::string_view flag, const std::string& path) {
  const std::string name = fs::path(path).filename();
  if (name.empty() || name.starts_with('.')) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s %s: a file name that does not begin with a dot is needed", flag, path));
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
