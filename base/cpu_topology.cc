// The operating system's limits of this process: affinity and cores.

#include "base/cpu_topology.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/small_file.h"

namespace jitattn::inline base {
namespace {

// Each sysfs read costs about 5 µs, and the application's first call pays for it. Hence at most
// this many files are read, and the ratio so far is extrapolated. Machines with different cores
// (hybrid) have fewer CPUs than this.
constexpr int kMaxSiblingFiles = 24;

constexpr char kCpuRoot[] = "/sys/devices/system/cpu/cpu";

// "32K", "1024K", "32M" → bytes; 0 for any other form.
int64_t ParseSize(std::string_view text) {
  int shift = 0;
  if (!text.empty() && text.back() == 'K') shift = 10;
  if (!text.empty() && text.back() == 'M') shift = 20;
  if (shift != 0) text.remove_suffix(1);
  return ParseInt(text).value_or(0) << shift;
}

}  // namespace

namespace {

// Null: nothing is bound. Never destroyed, since threads may read it during exit.
constinit const std::vector<int>* bound_cpus = nullptr;

std::vector<int> AffinityOfThisThread() {
  // The kernel refuses (EINVAL) a mask smaller than its own, so the mask grows.
  for (int bits = 1024; bits <= 1 << 18; bits *= 4) {
    cpu_set_t* mask = CPU_ALLOC(bits);
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(bits);
    CPU_ZERO_S(bytes, mask);
    std::vector<int> cpus;
    const bool read = sched_getaffinity(0, bytes, mask) == 0;
    const bool too_small = !read && errno == EINVAL;
    for (int i = 0; read && i < bits; ++i) {
      if (CPU_ISSET_S(i, bytes, mask)) cpus.push_back(i);
    }
    CPU_FREE(mask);
    if (!cpus.empty()) return cpus;
    if (!too_small) break;
  }
  return {0};
}

}  // namespace

void SetBoundCpus(std::vector<int> cpus) {
  if (!cpus.empty()) bound_cpus = new std::vector<int>(std::move(cpus));
}

bool IsBound() { return bound_cpus != nullptr; }

std::vector<int> AllowedCpus() {
  std::vector<int> cpus = AffinityOfThisThread();
  if (!IsBound()) return cpus;
  cpus.insert(cpus.end(), bound_cpus->begin(), bound_cpus->end());
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

int CountCores(const std::vector<int>& cpus, const std::string& root) {
  // std::set, since Abseil's sets are left damaged if memory runs out while they grow.
  std::set<int> seen;
  int64_t cores = 0;
  for (int cpu : cpus) {
    if (seen.contains(cpu)) continue;
    if (cores == kMaxSiblingFiles) {
      const int64_t in_them = static_cast<int64_t>(seen.size());
      return static_cast<int>((cores * static_cast<int64_t>(cpus.size()) + in_them - 1) / in_them);
    }
    ++cores;
    seen.insert(cpu);
    const std::string list =
        ReadSmallFile(absl::StrCat(root, kCpuRoot, cpu, "/topology/thread_siblings_list"));
    for (int sibling : ParseCpuList(list)) {
      if (std::binary_search(cpus.begin(), cpus.end(), sibling)) seen.insert(sibling);
    }
  }
  return static_cast<int>(cores);
}

CacheSizes ReadCacheSizes(const std::string& root) {
  CacheSizes sizes;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = absl::StrCat(root, kCpuRoot, "0/cache/index", index);
    const std::string level = ReadSmallFile(absl::StrCat(folder, "/level"));
    if (level.empty()) break;
    if (ReadSmallFile(absl::StrCat(folder, "/type")) == "Instruction") continue;
    const int64_t bytes = ParseSize(ReadSmallFile(absl::StrCat(folder, "/size")));
    if (level == "1") sizes.l1d_bytes = bytes;
    if (level == "2") sizes.l2_bytes = bytes;
    if (level == "3") sizes.l3_bytes = bytes;
    if (level == "1") {
      const auto line = ParseInt(ReadSmallFile(absl::StrCat(folder, "/coherency_line_size")));
      sizes.line_bytes = static_cast<int>(line.value_or(0));
    }
  }
  return sizes;
}

}  // namespace jitattn::inline base
