// A folder of records on disk: <root>/<FolderName(fingerprint)>/<Key>.toml. One small file a
// record; rename makes a write atomic, readers take no lock, damage costs one record.

#ifndef JITATTN_CACHE_STORE_H_
#define JITATTN_CACHE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/record.h"

namespace jitattn::cache {

// Where the user's cache lies: $JITATTN_CACHE_DIR, $XDG_CACHE_HOME/jitattn, ~/.cache/jitattn; empty
// if there is none (memory only): no variable is set, HOME is no folder, or the process is marked
// AT_SECURE. Under sudo the same variables are read; what is made in folders of sudo's caller is
// given to the caller.
std::string DefaultRoot();

struct StoredRecord {
  Record record;
  std::string path;
  std::string stale;   // soft differences, empty if none
  bool usable = true;  // false: tuned on, or for, another CPU; only List(all_cpus) returns such
};

struct RejectedRecord {
  std::string path, why;  // `why` begins with the path, and the line where there is one
};

class Store {
 public:
  // `root` need not exist; it is made (0700) by the first Put. Empty: a store that has nothing and
  // takes nothing.
  Store(std::string root, Cpu cpu, Fingerprint host);

  const std::string& root() const { return root_; }
  // Where Get looks and Put writes; whether or not there is such a file.
  std::string PathOf(const Key& key) const;

  // NotFound: no such file. Any other status: the file is there and unusable, with the reason.
  absl::StatusOr<StoredRecord> Get(const Key& key) const;

  // Records of this CPU with the same spec, threads, isa and buffers, whose lengths are within a
  // factor of two of the key's; nearest first (by summed log ratio).
  std::vector<StoredRecord> Near(const Key& key, std::vector<RejectedRecord>* rejected) const;

  // Temporary file, fsync, rename, fsync of the folder. On any failure (full disk, no permission)
  // the old record stands untouched and no file is left behind. Returns the path. InvalidArgument
  // or FailedPrecondition: Get would refuse the record, for the same reason.
  absl::StatusOr<std::string> Put(const Record& record) const;

  // Why Put would fail for any record: no folder, or one that cannot be written to.
  absl::Status CheckWritable() const;

  // All records, of every CPU if `all_cpus`, sorted by path; files that cannot be used go to
  // `rejected`.
  std::vector<StoredRecord> List(bool all_cpus, std::vector<RejectedRecord>* rejected) const;

  // Removes one file that List named, a damaged record too. NotFound: somebody else has.
  // FailedPrecondition: Put cannot have written it, since it is a link or its name is no record's.
  absl::Status Remove(const std::string& path) const;
  // What Remove would say; OK where it would remove.
  absl::Status CheckRemovable(const std::string& path) const;

  // The temporary files that killed writers left, of this CPU's folder or of all.
  void RemoveLeftOvers(bool all_cpus) const;

 private:
  std::string Folder() const;  // of this CPU
  absl::Status Look(const std::string& path, bool remove) const;
  absl::StatusOr<StoredRecord> Load(const std::string& folder, const std::string& file_name,
                                    bool any_cpu) const;

  std::string root_;
  Cpu cpu_;
  Fingerprint host_;
};

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_STORE_H_
