// Busy processes, for measuring calls on a loaded machine.

#ifndef JITATTN_LAB_BASELINES_NEIGHBOURS_H_
#define JITATTN_LAB_BASELINES_NEIGHBOURS_H_

#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"

namespace jitattn::lab {

// Owns processes that spin without pause. They end with this object, or when this process dies.
class Neighbours {
 public:
  Neighbours() = default;
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  // Starts `count` processes. Unavailable: the system refuses one; those already started go on.
  absl::Status Start(int count);

 private:
  std::vector<pid_t> pids_;
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_NEIGHBOURS_H_
