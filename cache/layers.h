// The folders in which records are looked up, in this order: the user's, then the system's. If no
// folder has a record for a problem, the caller uses the heuristic.

#ifndef JITATTN_CACHE_LAYERS_H_
#define JITATTN_CACHE_LAYERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store.h"

namespace jitattn::cache {

enum class Match { kExact, kNearest, kNone };
std::string_view Name(Match match);

struct Lookup {
  Match match = Match::kNone;
  std::optional<StoredRecord> found;
  std::vector<RejectedRecord> rejected;  // records that exist but could not be used, and why
};

class Layers {
 public:
  // The user's root first, then /etc/jitattn and /usr/share/jitattn.
  static Layers Default(const Cpu& cpu);
  Layers(Cpu cpu, std::vector<std::string> roots);

  // The exact record of the first layer that has one, else the nearest record of all layers.
  Lookup Find(const Key& key) const;

  // Writes a record to the first folder and returns its path. FailedPrecondition if there is none.
  absl::StatusOr<std::string> Put(const Record& record) const;
  // The error that Put would return for any record, else OK. To be called before a long tuning.
  absl::Status CheckWritable() const;
  const std::vector<Store>& stores() const { return stores_; }
  const Fingerprint& host() const { return host_; }

 private:
  std::optional<StoredRecord> FindExact(const Key& key,
                                        std::vector<RejectedRecord>* rejected) const;
  std::optional<StoredRecord> FindNearest(const Key& key,
                                          std::vector<RejectedRecord>* rejected) const;

  Cpu cpu_;
  Fingerprint host_;
  std::vector<Store> stores_;
};

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_LAYERS_H_
