// Reading and writing small files that other users may have tampered with, or may read meanwhile.

#include "cache/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
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

// Temporary files: ".tmp-<pid>-<count>". The dot keeps them out of listings of records.
constexpr std::string_view kTemporary = ".tmp-";
// A write takes milliseconds, so the writer of a temporary file of this age was killed. Its process
// ID proves nothing: containers with process IDs of their own may share the folder.
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

// The user who called sudo, if this process runs under sudo. Files made in that user's folders are
// given to that user: otherwise a first `sudo jitattn tune` would leave a cache that the user can
// neither change nor, with mode 0600, read.
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

// Gives `made`, a file or folder just made in `folder`, to the folder's owner if the owner is
// sudo's caller. Works on descriptors, so that nobody can substitute another file in between.
bool GiveToCaller(int folder, int made) {
  const std::optional<uid_t> caller = SudoCaller();
  struct stat owner;
  if (!caller) return true;
  if (fstat(folder, &owner) != 0) return false;
  return owner.st_uid != *caller ||
         fchownat(made, "", owner.st_uid, owner.st_gid, AT_EMPTY_PATH) == 0;
}

// MakeFolder would make a path of any length, step by step, but a longer one could not be opened
// afterwards.
absl::Status CheckLength(const std::string& path) {
  if (path.size() < PATH_MAX) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path.substr(0, 40), "…: the path has ", path.size(), " bytes; the limit is ", PATH_MAX - 1));
}

// Opens a folder, and makes the missing folders of its path.
absl::StatusOr<File> MakeFolder(const std::string& path) {
  File at(open(path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const std::filesystem::path& part : std::filesystem::path(path).relative_path()) {
    if (part.empty()) continue;  // after a trailing slash
    int fd = openat(at.fd(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
      const bool made = mkdirat(at.fd(), part.c_str(), 0700) == 0;
      if (!made && errno != EEXIST) return Errno(path, absl::StrCat("cannot make ", part.string()));
      // The folder that this process has just made must not be a link by now. One that another
      // process made meanwhile may be.
      fd =
          openat(at.fd(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | (made ? O_NOFOLLOW : 0));
      if (made && fd >= 0 && !GiveToCaller(at.fd(), fd)) {
        return Errno(path, "cannot give the folder to the caller of sudo");
      }
    }
    if (fd < 0) return Errno(path, absl::StrCat("cannot open ", part.string()));
    at = File(fd);
  }
  // O_PATH suffices to walk through folders without permission to read them. The last folder is
  // listed and synced, which needs O_RDONLY.
  File folder(openat(at.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return Errno(path, "cannot open the folder");
  return folder;
}

// Calls each(name) for every entry of a folder. Returns 0, or the errno that ended the listing.
// Does not use std::filesystem, whose iterators terminate the process when memory runs out.
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

// Makes a new, empty file in the folder; returns the file and its name.
absl::StatusOr<std::pair<File, std::string>> MakeTemporary(const std::string& path, int folder,
                                                           unsigned mode) {
  static std::atomic<unsigned> count{0};
  // A name is taken only if a process of the same ID in another container, or a dead one, made it.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::string name = absl::StrCat(std::string(kTemporary), getpid(), "-", count++);
    File file(
        openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (file.ok()) return std::pair(std::move(file), name);
    if (errno != EEXIST) break;
  }
  return Errno(path, "cannot create a file in its folder");
}

// A write beyond RLIMIT_FSIZE sends SIGXFSZ to the writing thread, which by default ends the
// process. In this scope the signal is blocked: the write fails with EFBIG, and the pending signal
// is discarded at the end. No signal handler of the program is changed or called.
class WithoutFileSizeSignal {
 public:
  WithoutFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    blocked_ = pthread_sigmask(SIG_BLOCK, &signal_, &old_) == 0;
    // A signal that was pending before belongs to the program and is not discarded.
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
  // Synced before the rename: otherwise a power cut could leave an empty file under the new name.
  const bool written =
      WriteFully(file.fd(), content.data(), static_cast<int64_t>(content.size())) &&
      fsync(file.fd()) == 0;
  if (!written) return Errno(path, "cannot write");
  return absl::OkStatus();
}

// Locks a file against other processes that use this function. False after a tenth of a second.
bool LockSoon(int fd) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    const timespec pause = {.tv_sec = 0, .tv_nsec = 2'000'000};
    nanosleep(&pause, nullptr);
  }
  return false;
}

bool HasLine(std::string_view text, std::string_view line) {
  for (size_t at = text.find(line); at != text.npos; at = text.find(line, at + 1)) {
    const size_t end = at + line.size();
    if ((at == 0 || text[at - 1] == '\n') && (end == text.size() || text[end] == '\n')) return true;
  }
  return false;
}

// A file just made in a folder of sudo's caller is given to the caller.
bool GiveNewToCaller(const std::string& path, int fd) {
  if (!SudoCaller()) return true;
  const std::filesystem::path folder_path = std::filesystem::path(path).parent_path();
  const File folder(
      open(folder_path.empty() ? "." : folder_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return folder.ok() && GiveToCaller(folder.fd(), fd);
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view message) {
  char text[256] = "";
  const char* const words = strerror_r(error, text, sizeof text);  // GNU: may ignore `text`
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
  if (fstat(file.fd(), &info) != 0) return Errno(path, "cannot stat the file");
  if (!S_ISREG(info.st_mode)) return refused("not a regular file");
  if (info.st_uid != geteuid() && info.st_uid != 0 && info.st_uid != SudoCaller()) {
    return refused(absl::StrCat("owned by user ", info.st_uid, "; the owner must be this user (",
                                geteuid(), ") or root"));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refused("writable by other users; chmod go-w makes the file usable");
  }

  // Reads up to one byte more than the limit. The size from fstat may be outdated, or 0 as in
  // /proc.
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
    status = Errno(path, "cannot replace the file");
  }
  if (!status.ok()) {
    unlinkat(folder->fd(), temporary_name.c_str(), 0);
    return status;
  }
  // The result of fsync is ignored: at worst a power cut now brings the old file back, and some
  // file systems cannot sync a folder at all.
  fsync(folder->fd());
  return absl::OkStatus();
}

absl::Status AppendLineOnce(const std::string& path, std::string_view line, int64_t max_bytes) {
  const auto refused = [&](std::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::string(why)));
  };
  const File file(
      open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666));
  if (!file.ok()) return Errno(path, "cannot open");
  struct stat info;
  if (fstat(file.fd(), &info) != 0) return Errno(path, "cannot stat the file");
  if (!S_ISREG(info.st_mode)) return refused("not a regular file");
  if (info.st_size == 0 && !GiveNewToCaller(path, file.fd())) {
    return Errno(path, "cannot give the file to the caller of sudo");
  }
  const bool locked = LockSoon(file.fd());
  std::string text(static_cast<size_t>(max_bytes), '\0');
  const int64_t size = ReadFully(file.fd(), text.data(), max_bytes, 0);
  if (size < 0) return Errno(path, "cannot read");
  text.resize(static_cast<size_t>(size));
  if (HasLine(text, line)) return absl::OkStatus();
  std::string added = text.empty() || text.back() == '\n' ? "" : "\n";
  absl::StrAppend(&added, std::string(line), "\n");
  if (size + static_cast<int64_t>(added.size()) > max_bytes) {
    return refused(absl::StrCat("full: it may have ", max_bytes, " bytes"));
  }
  const WithoutFileSizeSignal scope;
  if (WriteFully(file.fd(), added.data(), static_cast<int64_t>(added.size()))) {
    return absl::OkStatus();
  }
  const absl::Status status = Errno(path, "cannot write");
  // On a full disk a part of the line may have been written.
  [[maybe_unused]] const int cut = locked ? ftruncate(file.fd(), size) : 0;
  return status;
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
