// Conditions that make timings on this machine doubtful.

#ifndef JITATTN_RUNTIME_MACHINE_FLAGS_H_
#define JITATTN_RUNTIME_MACHINE_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/thread_pool.h"

namespace jitattn::runtime {

// Watches the machine from construction on. Steal time and throttling are counters: only their
// increase while something was timed matters.
class MachineWatch {
 public:
  // Reads files below `root`: "" for the real machine, another folder in tests.
  explicit MachineWatch(std::string root = "");

  // One fact per string, for printing and for records: "governor powersave", "load 3.1 on 2 cpus",
  // "quota of 1.5 cpus", "steal 4 %", "turbo on", "smt on", "affinity 2 of 8 cpus",
  // "OMP_WAIT_POLICY passive", "cores taken by others in 38 % of 5000 runs on several threads".
  // Empty on a quiet machine at a fixed clock.
  std::vector<std::string> Flags() const;

 private:
  struct Counters {
    int64_t stolen = 0, total = 0;  // ticks of all cpus
    int64_t throttled = 0;          // periods in which the control group was held back
  };
  Counters ReadCounters() const;

  std::string root_;
  Counters start_;
  PoolCounts runs_at_start_;
  double load_at_start_ = 0;  // without the load of this process
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_MACHINE_FLAGS_H_
