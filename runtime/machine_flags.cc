// Conditions that make timings on this machine doubtful.

#include "runtime/machine_flags.h"

#include <algorithm>
#include <ctime>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cpu_topology.h"
#include "base/env.h"
#include "base/format.h"
#include "base/small_file.h"
#include "runtime/measure.h"

namespace jitattn::runtime {
namespace {

const std::time_t kLoadedAt = std::time(nullptr);

// The load average covers about the last minute and includes this process. The process's share is
// estimated as its CPU time, divided by its age or by a minute, whichever is longer.
double OwnLoad() {
  const double used = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return used / std::max(60.0, std::difftime(std::time(nullptr), kLoadedAt));
}

double OtherLoad(const std::string& root) {
  double load = 0;
  std::istringstream(ReadSmallFile(root + "/proc/loadavg")) >> load;
  return std::max(0.0, load - OwnLoad());
}

std::string Governor(const std::string& root, const std::vector<int>& cpus) {
  for (const int cpu : cpus) {
    std::string governor = ReadSmallFile(
        absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu, "/cpufreq/scaling_governor"));
    if (!governor.empty() && governor != "performance") return governor;
  }
  return "";
}

bool TurboOn(const std::string& root) {
  const std::string cpu = root + "/sys/devices/system/cpu/";
  return ReadSmallFile(cpu + "cpufreq/boost") == "1" ||
         ReadSmallFile(cpu + "intel_pstate/no_turbo") == "0";
}

}  // namespace

MachineWatch::MachineWatch(std::string root)
    : root_(std::move(root)),
      start_(ReadCounters()),
      runs_at_start_(CountsOfPool()),
      load_at_start_(OtherLoad(root_)) {}

MachineWatch::Counters MachineWatch::ReadCounters() const {
  Counters counters;
  // "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guest time is part of
  // user time already.
  std::istringstream stat(ReadSmallFile(root_ + "/proc/stat"));
  std::string word;
  stat >> word;
  int64_t ticks;
  for (int field = 0; field < 8 && stat >> ticks; ++field) {
    counters.total += ticks;
    if (field == 7) counters.stolen = ticks;
  }
  std::istringstream group(ReadSmallFile(root_ + "/sys/fs/cgroup/cpu.stat"));
  int64_t value;
  while (group >> word >> value) {
    if (word == "nr_throttled") counters.throttled = value;
  }
  return counters;
}

std::vector<std::string> MachineWatch::Flags() const {
  std::vector<std::string> flags;
  const std::vector<int> cpus = AllowedCpus();
  const int count = static_cast<int>(cpus.size());

  if (const std::string governor = Governor(root_, cpus); !governor.empty()) {
    flags.push_back("governor " + governor);
  }
  // A foreign load of half a CPU disturbs a run on all CPUs; on a large machine the scheduler finds
  // room for a load of up to a tenth of the CPUs.
  if (load_at_start_ > std::max(0.5, 0.1 * count)) {
    flags.push_back(Format("load %.1f on %d cpus", load_at_start_, count));
  }
  if (const auto quota = CpuQuota(root_); quota && *quota < count) {
    flags.push_back(Format("quota of %.1f cpus", *quota));
  }
  const Counters now = ReadCounters();
  if (const int64_t periods = now.throttled - start_.throttled; periods > 0) {
    flags.push_back(absl::StrCat("throttled in ", periods, " periods"));
  }
  const double total = static_cast<double>(now.total - start_.total);
  const double stolen = static_cast<double>(now.stolen - start_.stolen);
  if (total > 0 && stolen > 0.01 * total) {
    flags.push_back(Format("steal %.0f %%", 100 * stolen / total));
  }
  if (TurboOn(root_)) flags.push_back("turbo on");
  if (ReadSmallFile(root_ + "/sys/devices/system/cpu/smt/active") == "1") flags.push_back("smt on");
  const int online = static_cast<int>(
      ParseCpuList(ReadSmallFile(root_ + "/sys/devices/system/cpu/online")).size());
  if (online > count) {
    flags.push_back(absl::StrCat("affinity ", count, " of ", online, " cpus"));
  }
  // Up to two disturbed runs are normal: the first runs create or wake the threads, and even a
  // quiet machine delays a thread now and then.
  const PoolCounts runs = CountsOfPool();
  const double all = static_cast<double>(runs.runs - runs_at_start_.runs);
  const double disturbed = static_cast<double>(runs.alone - runs_at_start_.alone) +
                           static_cast<double>(runs.held_up - runs_at_start_.held_up);
  if (disturbed > std::max(2.0, 0.02 * all)) {
    flags.push_back(Format("cores taken by others in %.0f %% of %.0f runs on several threads",
                           100 * disturbed / all, all));
  }
  // Waking sleeping threads costs tens of microseconds per run; spinning threads start in under
  // one.
  if (const char* policy = Env("OMP_WAIT_POLICY")) {
    flags.push_back(absl::StrCat("OMP_WAIT_POLICY ", policy));
  }
  return flags;
}

}  // namespace jitattn::runtime
