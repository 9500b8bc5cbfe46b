// The topology from hwloc, if the build found that library.

#include "cli/topology.h"

#include <algorithm>

#if JITATTN_HWLOC
#include <hwloc.h>
#endif

namespace jitattn::cli {

#if JITATTN_HWLOC

absl::StatusOr<Topology> ReadTopology() {
  hwloc_topology_t handle;
  if (hwloc_topology_init(&handle) != 0)
    return absl::UnavailableError("hwloc failed to initialise");
  if (hwloc_topology_load(handle) != 0) {
    hwloc_topology_destroy(handle);
    return absl::UnavailableError("hwloc cannot read this machine's topology");
  }
  auto count = [&](hwloc_obj_type_t type) {
    return std::max(0, hwloc_get_nbobjs_by_type(handle, type));
  };
  Topology topology = {.packages = count(HWLOC_OBJ_PACKAGE),
                       .numa_nodes = count(HWLOC_OBJ_NUMANODE),
                       .cores = count(HWLOC_OBJ_CORE),
                       .threads = count(HWLOC_OBJ_PU)};
  topology.memory_bytes = static_cast<int64_t>(hwloc_get_root_obj(handle)->total_memory);
  constexpr std::pair<hwloc_obj_type_t, const char*> kLevels[] = {
      {HWLOC_OBJ_L1CACHE, "L1d"}, {HWLOC_OBJ_L2CACHE, "L2"}, {HWLOC_OBJ_L3CACHE, "L3"}};
  for (const auto& [type, name] : kLevels) {
    const hwloc_obj_t first = hwloc_get_obj_by_type(handle, type, 0);
    if (first == nullptr) continue;
    topology.caches.push_back({.name = name,
                               .count = count(type),
                               .bytes = static_cast<int64_t>(first->attr->cache.size),
                               .sharing = hwloc_bitmap_weight(first->cpuset)});
  }
  hwloc_topology_destroy(handle);
  return topology;
}

#else

absl::StatusOr<Topology> ReadTopology() {
  return absl::UnimplementedError("unknown: this jitattn was built without hwloc");
}

#endif

}  // namespace jitattn::cli
