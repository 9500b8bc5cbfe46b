// The machine's topology, by hwloc, for `jitattn cpu`. The library itself never uses hwloc.

#ifndef JITATTN_CLI_TOPOLOGY_H_
#define JITATTN_CLI_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::cli {

struct CacheLevel {
  std::string name;   // "L1d", "L2", "L3"
  int count = 0;      // instances
  int64_t bytes = 0;  // of one instance
  int sharing = 0;    // hardware threads that share one instance
};

struct Topology {
  int packages = 0, numa_nodes = 0, cores = 0, threads = 0;
  int64_t memory_bytes = 0;
  std::vector<CacheLevel> caches;  // from the cores outwards
};

// The topology of the whole machine, not only of the part that this process may use.
absl::StatusOr<Topology> ReadTopology();

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TOPOLOGY_H_
