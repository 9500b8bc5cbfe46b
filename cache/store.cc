// A folder of records on disk.

#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/env.h"
#include "cache/admission.h"
#include "cache/files.h"
#include "cache/nearest.h"

namespace jitattn::cache {
namespace {

constexpr std::string_view kExtension = ".toml";

absl::Status NoFolder() {
  return absl::FailedPreconditionError(
      "no cache folder: set JITATTN_CACHE_DIR, XDG_CACHE_HOME or HOME");
}

std::string FileName(const Key& key) { return key.ToString() + std::string(kExtension); }

// File names of comparable records share their beginning, "attn_f32_d64.", and their end,
// ".t2.avx512.hot.toml". The search for the nearest record opens only such files.
bool MayBeNear(const std::string& file_name, const std::string& wanted) {
  const size_t spec = wanted.find('.') + 1;
  const size_t conditions = wanted.rfind(".t", wanted.size() - kExtension.size() - 1);
  return file_name.substr(0, spec) == std::string_view(wanted).substr(0, spec) &&
         file_name.ends_with(std::string_view(wanted).substr(conditions));
}

// Whether a file name has the form of a record's, of any operation, even an unknown one:
// "attn_f32_d64.b1h1g1.q32k32.t2.avx2.hot.toml" (code name, sizes, threads, instruction set,
// buffers).
bool IsRecordName(std::string_view file_name) {
  if (!file_name.ends_with(kExtension)) return false;
  file_name.remove_suffix(kExtension.size());
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = file_name.find('.');
    parts.push_back(file_name.substr(0, dot));
    if (dot == file_name.npos) break;
    file_name.remove_prefix(dot + 1);
  }
  if (parts.size() < 5) return false;
  const bool words = std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    return !part.empty() && part[0] >= 'a' && part[0] <= 'z' &&
           part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == part.npos;
  });
  const size_t last = parts.size() - 1;
  const std::string_view threads = parts[last - 2];
  const bool counts = threads.size() > 1 && threads[0] == 't' &&
                      threads.find_first_not_of("0123456789", 1) == threads.npos;
  return words && counts && parts[0].find('_') != parts[0].npos &&
         IsaFromName(parts[last - 1]).has_value() && ops::BuffersFromName(parts[last]).has_value();
}

void Reject(std::vector<RejectedRecord>* rejected, const std::string& path,
            const absl::Status& status) {
  if (rejected != nullptr) rejected->push_back({path, std::string(status.message())});
}

}  // namespace

std::string DefaultRoot() {
  if (const char* root = Env("JITATTN_CACHE_DIR")) {
    // An absolute path, since the program may change its working directory later.
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(root, error);
    return error ? "" : absolute.string();
  }
  // The XDG base directory specification demands that a relative path is ignored.
  if (const char* caches = Env("XDG_CACHE_HOME"); caches != nullptr && *caches == '/') {
    return absl::StrCat(caches, "/jitattn");
  }
  // A home folder that does not exist ("/nonexistent" of a system user) is not created.
  std::error_code error;
  const char* home = Env("HOME");
  if (home != nullptr && *home == '/' && std::filesystem::is_directory(home, error)) {
    return absl::StrCat(home, "/.cache/jitattn");
  }
  return "";
}

Store::Store(std::string root, Cpu cpu, Fingerprint host)
    : root_(std::filesystem::path(std::move(root)).lexically_normal().string()),
      cpu_(std::move(cpu)),
      host_(std::move(host)) {
  while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
}

std::string Store::Folder() const { return absl::StrCat(root_, "/", FolderName(host_)); }

std::string Store::PathOf(const Key& key) const {
  return absl::StrCat(Folder(), "/", FileName(key));
}

absl::StatusOr<StoredRecord> Store::Load(const std::string& folder, const std::string& file_name,
                                         bool any_cpu) const {
  const std::string path = absl::StrCat(folder, "/", file_name);
  const absl::StatusOr<std::string> text = ReadTrusted(path, kMaxRecordBytes);
  if (!text.ok()) return text.status();
  // Even this CPU's folder may hold a record of another CPU: copied by hand, or of a CPU with the
  // same folder name.
  absl::StatusOr<Admission> admission = Admit(*text, path, cpu_, host_);
  if (!admission.ok()) return admission.status();
  if (!any_cpu && !admission->use.ok()) return admission->use;
  // A record copied to another file name would be used for a problem that it was not tuned for.
  if (const Key& key = admission->stored.record.key; file_name != FileName(key)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the record is for ", key.ToString(), ", not for its file name"));
  }
  return std::move(admission->stored);
}

absl::StatusOr<StoredRecord> Store::Get(const Key& key) const {
  if (root_.empty()) return absl::NotFoundError("no cache folder");
  return Load(Folder(), FileName(key), /*any_cpu=*/false);
}

std::vector<StoredRecord> Store::Near(const Key& key, std::vector<RejectedRecord>* rejected) const {
  if (root_.empty()) return {};
  const std::string folder = Folder(), wanted = FileName(key);
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  if (!names.ok()) {
    Reject(rejected, folder, names.status());
    return {};
  }
  std::vector<std::pair<double, StoredRecord>> near;
  for (const std::string& name : *names) {
    if (!MayBeNear(name, wanted)) continue;
    absl::StatusOr<StoredRecord> stored = Load(folder, name, /*any_cpu=*/false);
    if (!stored.ok()) {
      Reject(rejected, absl::StrCat(folder, "/", name), stored.status());
    } else if (const auto distance = Distance(key, stored->record.key)) {
      near.emplace_back(*distance, *std::move(stored));
    }
  }
  // Stable: records of equal distance keep the order of their names, the same on every machine.
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<StoredRecord> result;
  for (auto& [distance, stored] : near) result.push_back(std::move(stored));
  return result;
}

absl::StatusOr<std::string> Store::Put(const Record& record) const {
  if (root_.empty()) return NoFolder();
  // A record that Get would refuse must not replace one that Get would accept.
  const std::string path = PathOf(record.key);
  const std::string text = SerializeRecord(record);
  const absl::StatusOr<Admission> admission = Admit(text, path, cpu_, host_);
  if (!admission.ok()) return admission.status();
  if (!admission->use.ok()) return admission->use;
  if (absl::Status s = WriteAtomically(Folder(), FileName(record.key), text); !s.ok()) return s;
  return path;
}

std::vector<StoredRecord> Store::List(bool all_cpus, std::vector<RejectedRecord>* rejected) const {
  if (root_.empty()) return {};
  std::vector<std::string> folders = {FolderName(host_)};
  if (all_cpus) {
    absl::StatusOr<std::vector<std::string>> names = ListFolder(root_);
    if (!names.ok()) Reject(rejected, root_, names.status());
    folders = names.ok() ? *std::move(names) : std::vector<std::string>();
  }
  // ListFolder returns sorted names, so the resulting paths are sorted too.
  std::vector<StoredRecord> result;
  for (const std::string& folder_name : folders) {
    const std::string folder = absl::StrCat(root_, "/", folder_name);
    const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
    if (!names.ok()) {
      Reject(rejected, folder, names.status());
      continue;
    }
    for (const std::string& name : *names) {
      if (!name.ends_with(kExtension)) continue;
      absl::StatusOr<StoredRecord> stored = Load(folder, name, all_cpus);
      if (stored.ok()) {
        result.push_back(*std::move(stored));
      } else {
        Reject(rejected, absl::StrCat(folder, "/", name), stored.status());
      }
    }
  }
  return result;
}

absl::Status Store::CheckWritable() const {
  if (root_.empty()) return NoFolder();
  constexpr int64_t kRecordBytes = 4096;  // a record has about 3000 bytes
  return cache::CheckWritable(Folder(), kRecordBytes);
}

void Store::RemoveLeftOvers(bool all_cpus) const {
  if (root_.empty()) return;
  std::vector<std::string> folders = {FolderName(host_)};
  if (all_cpus) folders = ListFolder(root_).value_or(folders);
  for (const std::string& folder : folders) {
    cache::RemoveLeftOvers(absl::StrCat(root_, "/", folder));
  }
}

absl::Status Store::Remove(const std::string& path) const { return Look(path, /*remove=*/true); }

absl::Status Store::CheckRemovable(const std::string& path) const {
  return Look(path, /*remove=*/false);
}

absl::Status Store::Look(const std::string& path, bool remove) const {
  // Accepts exactly <root>/<folder>/<name>.toml, without links or ".." below the root.
  const std::filesystem::path file(path);
  const std::string name = file.filename().string();
  const std::string folder = file.parent_path().filename().string();
  if (root_.empty() || path != absl::StrCat(root_, "/", folder, "/", name) || folder.empty() ||
      folder.starts_with('.') || name.starts_with('.') || !name.ends_with(kExtension)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a record of the cache in ", root_.empty() ? "memory" : root_));
  }
  // Works on the folder's descriptor, so that nobody can substitute a link meanwhile. The record is
  // not read: a damaged one can be removed too.
  const std::string folder_path = absl::StrCat(root_, "/", folder);
  const int fd = open(folder_path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat info = {};
  const bool there = fd >= 0 && fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  const bool ours = there && S_ISREG(info.st_mode) && IsRecordName(name);
  const bool done = ours && (!remove || unlinkat(fd, name.c_str(), 0) == 0);
  const int error = errno;
  if (fd >= 0) close(fd);
  if (done) return absl::OkStatus();
  if (!there || ours) return ErrnoStatus(error, absl::StrCat(path, ": cannot remove"));
  return absl::FailedPreconditionError(absl::StrCat(
      path, S_ISREG(info.st_mode) ? ": not the file name of a record" : ": not a regular file"));
}

}  // namespace jitattn::cache
