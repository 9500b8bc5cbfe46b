// Where a record is looked for: the user's folder, the system's.

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
  // DefaultRoot() may be empty. It stays first all the same: what finds no folder of the user's is
  // not to be written to the system's.
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
  // By distance and not by layer: how far a configuration was tuned from here tells more of its
  // worth than who brought it.
  std::optional<StoredRecord> best;
  double best_distance = std::numeric_limits<double>::infinity();
  const auto consider = [&](const StoredRecord& stored) {
    const std::optional<double> distance = Distance(key, stored.record.key);
    if (!distance || *distance >= best_distance) return;  // a tie stays with the earlier layer
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
  // Only now: it lists folders, which the first call of a tuned program need not wait for.
  std::vector<RejectedRecord> rejected;
  lookup.found = FindNearest(key, &rejected);
  if (lookup.found) lookup.match = Match::kNearest;
  // A bad exact record is met again among the near ones.
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
