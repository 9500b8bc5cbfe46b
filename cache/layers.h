// Where a record is looked for, first match wins: the user's folder, the system's. A problem that
// neither has is answered by the heuristic, which is not the cache's business.

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
  std::vector<RejectedRecord> rejected;  // records that were there and were not used, and why
};

class Layers {
 public:
  // The user's root first, then /etc/jitattn and /usr/share/jitattn.
  static Layers Default(const Cpu& cpu);
  Layers(Cpu cpu, std::vector<std::string> roots);

  // The exact record of the first layer that has one, else the nearest of any layer.
  Lookup Find(const Key& key) const;

  // The first folder; records are written there. FailedPrecondition if there is none.
  absl::StatusOr<std::string> Put(const Record& record) const;
  // Why Put would fail for any record; asked before work that takes minutes.
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
