// Reading and writing small files that others may have tampered with, or may read meanwhile.

#include "cache/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/env.h"
#include "base/io.h"

namespace jitattn::cache {
namespace {

// Temporary files: ".tmp-<pid>-<count>". A dot, so that no listing takes them for records.
constexpr std::string_view kTemporary = ".tmp-";
// A write takes milliseconds. One this old was killed; its process number says nothing, since the
// folder may be shared by containers that number theirs apart.
constexpr time_t kStaleSeconds = 3600;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

absl::Status Errno(std::string_view path, std::string_view what) {
  const int error = errno;
  return ErrnoStatus(error, absl::StrCat(std::string(path), ": ", std::string(what)));
}

// Under sudo, the user who called it. Files made in that user's folders are given to that user:
// else a first `sudo jitattn tune` would leave a cache that the user can neither change nor, at
// 0600, read.
std::optional<uid_t> SudoCaller() {
  if (geteuid() != 0) return std::nullopt;
  const char* text = Env("SUDO_UID");
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), uid);
  if (error != std::errc() || end != digits.end() || uid == 0) return std::nullopt;
  return uid;
}

// Gives what was just made in `folder` to the folder's owner, if that is sudo's caller. By
// descriptor, so that nothing can be slipped in between.
bool GiveToCaller(int folder, int made) {
  const std::optional<uid_t> caller = SudoCaller();
  struct stat owner;
  if (!caller) return true;
  if (fstat(folder, &owner) != 0) return false;
  return owner.st_uid != *caller ||
         fchownat(made, "", owner.st_uid, owner.st_gid, AT_EMPTY_PATH) == 0;
}

// Folders are made step by step, of any depth, but a longer path could not be opened afterwards.
absl::Status CheckLength(const std::string& path) {
  if (path.size() < PATH_MAX) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path.substr(0, 40), "…: a path of ",
                                                    path.size(), " bytes; at most ", PATH_MAX - 1,
                                                    " can be opened"));
}

// Opens a folder, making what is missing of its path.
absl::StatusOr<File> MakeFolder(const std::string& path) {
  File at(open(path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const std::filesystem::path& part : std::filesystem::path(path).relative_path()) {
    if (part.empty()) continue;  // after a slash at the end
    int fd = openat(at.fd(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
      const bool made = mkdirat(at.fd(), part.c_str(), 0700) == 0;
      if (!made && errno != EEXIST) return Errno(path, absl::StrCat("cannot make ", part.string()));
      // Just made by us, it cannot be a link; made by another process meanwhile, it is as good.
      fd =
          openat(at.fd(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | (made ? O_NOFOLLOW : 0));
      if (made && fd >= 0 && !GiveToCaller(at.fd(), fd)) {
        return Errno(path, "cannot give the folder to the caller of sudo");
      }
    }
    if (fd < 0) return Errno(path, absl::StrCat("cannot open ", part.string()));
    at = File(fd);
  }
  // O_PATH was enough to walk through folders that may be searched but not read; this one is listed
  // and synced.
  File folder(openat(at.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return Errno(path, "cannot open the folder");
  return folder;
}

// Calls each(name) for what a folder holds. 0, or the error that ended the listing. Not by
// std::filesystem, whose iterators end the process where there is no memory.
template <typename Each>
int ListNames(const std::string& folder, const Each& each) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (listing == nullptr) return errno;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(listing.get());
    if (entry == nullptr) return errno;
    each(std::string_view(entry->d_name));
  }
}

void SweepStale(const std::string& folder_path, int folder) {
  ListNames(folder_path, [&](std::string_view name) {
    struct stat info;
    if (name.starts_with(kTemporary) &&
        fstatat(folder, name.data(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
        info.st_mtime < time(nullptr) - kStaleSeconds) {
      unlinkat(folder, name.data(), 0);
    }
  });
}

// A new, empty file in the folder, with its name.
absl::StatusOr<std::pair<File, std::string>> MakeTemporary(const std::string& path, int folder,
                                                           unsigned mode) {
  static std::atomic<unsigned> count{0};
  // Names are taken only by another container's process of our number, or by one long dead.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::string name = absl::StrCat(std::string(kTemporary), getpid(), "-", count++);
    File file(
        openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (file.ok()) return std::pair(std::move(file), name);
    if (errno != EEXIST) break;
  }
  return Errno(path, "cannot make a file in its folder");
}

// A write beyond RLIMIT_FSIZE sends SIGXFSZ to the thread that writes, which ends the process by
// default. In this scope the signal stays pending, the write fails with EFBIG, and the signal is
// taken back at the end: no handler of the program's is changed or called.
class WithoutFileSizeSignal {
 public:
  WithoutFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    blocked_ = pthread_sigmask(SIG_BLOCK, &signal_, &old_) == 0;
    // One that was pending before is the program's own.
    sigset_t pending;
    take_ = blocked_ && sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 0;
  }
  ~WithoutFileSizeSignal() {
    const timespec now = {};
    if (take_) sigtimedwait(&signal_, nullptr, &now);
    if (blocked_) pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  WithoutFileSizeSignal(const WithoutFileSizeSignal&) = delete;
  WithoutFileSizeSignal& operator=(const WithoutFileSizeSignal&) = delete;

 private:
  sigset_t signal_, old_;
  bool blocked_, take_;
};

absl::Status Fill(const std::string& path, int folder, const File& file, std::string_view content) {
  const WithoutFileSizeSignal scope;
  if (!GiveToCaller(folder, file.fd())) {
    return Errno(path, "cannot give the file to the caller of sudo");
  }
  // Synced before the rename: else a power cut could leave the new name with nothing in it.
  const bool written =
      WriteFully(file.fd(), content.data(), static_cast<int64_t>(content.size())) &&
      fsync(file.fd()) == 0;
  if (!written) return Errno(path, "cannot write");
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view message) {
  char text[256] = "";
  const char* const words = strerror_r(error, text, sizeof text);  // GNU's may not use `text`
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat(std::string(message), ": ", words));
}

absl::StatusOr<std::string> ReadTrusted(const std::string& path, int64_t max_bytes) {
  const auto refused = [&](std::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::string(why)));
  };
  const File file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok()) return Errno(path, "cannot open");
  struct stat info;
  if (fstat(file.fd(), &info) != 0) return Errno(path, "cannot look at it");
  if (!S_ISREG(info.st_mode)) return refused("not a regular file");
  if (info.st_uid != geteuid() && info.st_uid != 0 && info.st_uid != SudoCaller()) {
    return refused(absl::StrCat("owned by user ", info.st_uid, ", neither by this user (",
                                geteuid(), ") nor by root"));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refused("others may write to it; chmod go-w makes it usable");
  }

  // One byte more than there may be; the size said by fstat could be old, or 0 as in /proc.
  std::string content(max_bytes + 1, '\0');
  const int64_t size = ReadFully(file.fd(), content.data(), max_bytes + 1);
  if (size < 0) return Errno(path, "cannot read");
  if (size > max_bytes) return refused(absl::StrCat("longer than ", max_bytes, " bytes"));
  content.resize(static_cast<size_t>(size));
  return content;
}

absl::Status WriteAtomically(const std::string& folder_path, const std::string& name,
                             std::string_view content, unsigned mode) {
  const std::string path = absl::StrCat(folder_path, "/", name);
  if (absl::Status status = CheckLength(path); !status.ok()) return status;
  const absl::StatusOr<File> folder = MakeFolder(folder_path);
  if (!folder.ok()) return folder.status();
  SweepStale(folder_path, folder->fd());
  absl::StatusOr<std::pair<File, std::string>> temporary = MakeTemporary(path, folder->fd(), mode);
  if (!temporary.ok()) return temporary.status();

  const auto& [file, temporary_name] = *temporary;
  absl::Status status = Fill(path, folder->fd(), file, content);
  if (status.ok() &&
      renameat(folder->fd(), temporary_name.c_str(), folder->fd(), name.c_str()) != 0) {
    status = Errno(path, "cannot replace it");
  }
  if (!status.ok()) {
    unlinkat(folder->fd(), temporary_name.c_str(), 0);
    return status;
  }
  // The record stands, whatever the answer: at worst a power cut now brings the old one back, and
  // some file systems cannot sync a folder at all.
  fsync(folder->fd());
  return absl::OkStatus();
}

absl::Status CheckWritable(const std::string& folder_path, int64_t bytes) {
  if (absl::Status status = CheckLength(folder_path); !status.ok()) return status;
  const absl::StatusOr<File> folder = MakeFolder(folder_path);
  if (!folder.ok()) return folder.status();
  const std::string path = absl::StrCat(folder_path, "/");
  absl::StatusOr<std::pair<File, std::string>> temporary = MakeTemporary(path, folder->fd(), 0600);
  if (!temporary.ok()) return temporary.status();
  const auto& [file, name] = *temporary;
  absl::Status status =
      Fill(path, folder->fd(), file, std::string(static_cast<size_t>(bytes), ' '));
  unlinkat(folder->fd(), name.c_str(), 0);
  return status;
}

void RemoveLeftOvers(const std::string& folder_path) {
  const File folder(open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder.ok()) SweepStale(folder_path, folder.fd());
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  std::vector<std::string> names;
  const int error = ListNames(folder, [&](std::string_view name) {
    if (!name.starts_with('.')) names.emplace_back(name);
  });
  if (error != 0 && error != ENOENT) {
    return ErrnoStatus(error, absl::StrCat(folder, ": cannot list the folder"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace jitattn::cache
