// What the operating system lets this process run on: affinity, cores, control groups.

#ifndef JITATTN_BASE_CPU_TOPOLOGY_H_
#define JITATTN_BASE_CPU_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jitattn::inline base {

// Every path below is read under `root`, "" for the real machine; tests make a tree of their own.

// The CPUs that this process may run on, ascending: those in this thread's affinity mask and those
// of SetBoundCpus; {0} where the system will not tell.
std::vector<int> AllowedCpus();

// A threading runtime that binds threads, the one that asks here among them, says what it was given
// to bind them to. Before the first AllowedCpus(); empty: nothing is bound.
void SetBoundCpus(std::vector<int> cpus);
bool IsBound();

// Distinct physical cores among `cpus`, ascending, by the sysfs lists of siblings; cpus.size()
// without them.
int CountCores(const std::vector<int>& cpus, const std::string& root);

// CPUs' worth of time that the control groups of this process grant, version 1 and 2, the smallest
// on the way from its own group up to the mounted root; nothing where none sets a limit.
std::optional<double> CpuQuota(const std::string& root);

struct CacheSizes {
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // 0: not found
  int line_bytes = 0;
};

// Caches of the lowest-numbered CPU from sysfs, for CPUs that CPUID does not describe.
CacheSizes ReadCacheSizes(const std::string& root);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_CPU_TOPOLOGY_H_
