// Busy processes beside this one, for measuring what calls take there.

#ifndef JITATTN_LAB_BASELINES_NEIGHBOURS_H_
#define JITATTN_LAB_BASELINES_NEIGHBOURS_H_

#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"

namespace jitattn::lab {

// Processes that never rest. They end with this, and with the process if it dies.
class Neighbours {
 public:
  Neighbours() = default;
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  // Unavailable: the system refuses one; those made before it go on.
  absl::Status Start(int count);

 private:
  std::vector<pid_t> pids_;
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_NEIGHBOURS_H_
