// The operating system's limits of this process: affinity, cores, control groups.

#ifndef JITATTN_BASE_CPU_TOPOLOGY_H_
#define JITATTN_BASE_CPU_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jitattn::inline base {

// Functions with `root` read every path under it: "" for the real machine, another tree in tests.

// The CPUs that this process may run on, ascending: those in this thread's affinity mask or given
// to SetBoundCpus; {0} if the system does not tell.
std::vector<int> AllowedCpus();

// Records the CPUs to which a threading runtime binds this process's threads (including the calling
// thread). Empty: nothing is bound. REQUIRES: called before the first AllowedCpus().
void SetBoundCpus(std::vector<int> cpus);
bool IsBound();

// The number of distinct physical cores among `cpus` (ascending), by the sibling lists in sysfs;
// cpus.size() without these lists.
int CountCores(const std::vector<int>& cpus, const std::string& root);

// The CPU time that control groups (version 1 or 2) grant this process, in CPUs: the smallest quota
// from the process's group up to the mounted root. Nothing if there is no limit.
std::optional<double> CpuQuota(const std::string& root);

struct CacheSizes {
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // 0: unknown
  int line_bytes = 0;
};

// The caches of the lowest-numbered CPU, from sysfs; for CPUs that CPUID does not describe.
CacheSizes ReadCacheSizes(const std::string& root);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_CPU_TOPOLOGY_H_
