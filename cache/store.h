// A folder of records on disk: <root>/<FolderName(fingerprint)>/<Key>.toml. Each record is one
// small file: a write is atomic by rename, readers take no lock, and damage affects a single
// record.

#ifndef JITATTN_CACHE_STORE_H_
#define JITATTN_CACHE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/record.h"

namespace jitattn::cache {

// The root of the user's cache: $JITATTN_CACHE_DIR, else $XDG_CACHE_HOME/jitattn, else
// ~/.cache/jitattn. Empty (memory only) if no variable is set, HOME is not a folder, or the process
// is marked AT_SECURE. Under sudo the same variables are read; files made in folders of sudo's
// caller are given to the caller.
std::string DefaultRoot();

struct StoredRecord {
  Record record;
  std::string path;
  std::string stale;   // soft differences (HostMatch::stale), empty if none
  bool usable = true;  // false: tuned on, or for, another CPU; only with List(all_cpus)
};

struct RejectedRecord {
  std::string path, why;  // `why` begins with the path, followed by the line if there is one
};

class Store {
 public:
  // `root` need not exist; the first Put makes it with mode 0700. With an empty root the store has
  // no records and Put fails.
  Store(std::string root, Cpu cpu, Fingerprint host);

  const std::string& root() const { return root_; }
  // The path that Get reads and Put writes. The file need not exist.
  std::string PathOf(const Key& key) const;

  // Reads the record of a key. NotFound: there is no such file. Any other error: the file exists
  // but cannot be used, with the reason.
  absl::StatusOr<StoredRecord> Get(const Key& key) const;

  // This CPU's records with a Distance to the key (cache/nearest.h), nearest first. Files that
  // cannot be used go to `rejected`, which may be null.
  std::vector<StoredRecord> Near(const Key& key, std::vector<RejectedRecord>* rejected) const;

  // Writes a record and returns its path. The write is atomic: temporary file, fsync, rename, fsync
  // of the folder. On failure (full disk, no permission) the old record is unchanged and no file is
  // left behind. Also fails, with the error of Get, if Get would refuse the record.
  absl::StatusOr<std::string> Put(const Record& record) const;

  // The error that Put would return for any record: no cache folder, or no way to write to it.
  absl::Status CheckWritable() const;

  // The records of this CPU, or of every CPU if `all_cpus`, sorted by path. Files that cannot be
  // used go to `rejected`, which may be null.
  std::vector<StoredRecord> List(bool all_cpus, std::vector<RejectedRecord>* rejected) const;

  // Removes one file that List returned or rejected, even a damaged one. InvalidArgument: the path
  // is not of the form <root>/<folder>/<name>.toml. NotFound: the file is already gone.
  // FailedPrecondition: Put cannot have written the file, since it is not a regular file or its
  // name is not the file name of a record.
  absl::Status Remove(const std::string& path) const;
  // The status that Remove would return; removes nothing.
  absl::Status CheckRemovable(const std::string& path) const;

  // Removes temporary files that killed writers left, in this CPU's folder or in all of them.
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
