// The folders in which records are looked up: the user's, then the system's.

#include "cache/layers.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cache/nearest.h"

namespace jitattn::cache {

std::string_view Name(Match match) {
  switch (match) {
    case Match::kExact:
      return "exact";
    case Match::kNearest:
      return "nearest";
    case Match::kNone:
      break;
  }
  return "none";
}

Layers Layers::Default(const Cpu& cpu) {
  // DefaultRoot() may be empty. It stays first even then, so that Put never writes a user's record
  // to a system folder.
  return Layers(cpu, {DefaultRoot(), "/etc/jitattn", "/usr/share/jitattn"});
}

Layers::Layers(Cpu cpu, std::vector<std::string> roots)
    : cpu_(std::move(cpu)), host_(HostFingerprint(cpu_)) {
  for (std::string& root : roots) stores_.emplace_back(std::move(root), cpu_, host_);
}

std::optional<StoredRecord> Layers::FindExact(const Key& key,
                                              std::vector<RejectedRecord>* rejected) const {
  for (const Store& store : stores_) {
    absl::StatusOr<StoredRecord> stored = store.Get(key);
    if (stored.ok()) return *std::move(stored);
    if (absl::IsNotFound(stored.status())) continue;
    rejected->push_back({store.PathOf(key), std::string(stored.status().message())});
  }
  return std::nullopt;
}

std::optional<StoredRecord> Layers::FindNearest(const Key& key,
                                                std::vector<RejectedRecord>* rejected) const {
  // The distance decides before the layer: a configuration tuned for a nearer problem is the better
  // guess, whoever installed it.
  std::optional<StoredRecord> best;
  double best_distance = std::numeric_limits<double>::infinity();
  const auto consider = [&](const StoredRecord& stored) {
    const std::optional<double> distance = Distance(key, stored.record.key);
    if (!distance || *distance >= best_distance) return;  // on a tie the earlier layer wins
    best = stored;
    best_distance = *distance;
  };
  for (const Store& store : stores_) {
    for (const StoredRecord& stored : store.Near(key, rejected)) consider(stored);
  }
  return best;
}

Lookup Layers::Find(const Key& key) const {
  Lookup lookup;
  lookup.found = FindExact(key, &lookup.rejected);
  if (lookup.found) {
    lookup.match = Match::kExact;
    return lookup;
  }
  // Only without an exact record: the search for the nearest lists folders, and the first call of a
  // tuned application should not wait for that.
  std::vector<RejectedRecord> rejected;
  lookup.found = FindNearest(key, &rejected);
  if (lookup.found) lookup.match = Match::kNearest;
  // A rejected exact record is found again among the near ones; it is reported once.
  for (RejectedRecord& r : rejected) {
    const auto same = [&](const RejectedRecord& other) { return other.path == r.path; };
    if (std::none_of(lookup.rejected.begin(), lookup.rejected.end(), same)) {
      lookup.rejected.push_back(std::move(r));
    }
  }
  return lookup;
}

absl::Status Layers::CheckWritable() const {
  if (stores_.empty()) return absl::FailedPreconditionError("no cache folder");
  return stores_.front().CheckWritable();
}

absl::StatusOr<std::string> Layers::Put(const Record& record) const {
  if (stores_.empty()) return absl::FailedPreconditionError("no cache folder");
  return stores_.front().Put(record);
}

}  // namespace jitattn::cache
