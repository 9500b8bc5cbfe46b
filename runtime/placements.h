// Memory of operands and scratch while a problem is timed.

#ifndef JITATTN_RUNTIME_PLACEMENTS_H_
#define JITATTN_RUNTIME_PLACEMENTS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/operands.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// The physical pages of operands and scratch decide which data compete for a set of a cache. One
// allocation favours one configuration, the next process's allocation another, by 1 % and more. So
// configurations are compared over several placements, as callers will see them.
struct Placement {
  std::shared_ptr<const Operands> operands;
  std::vector<std::shared_ptr<const Plan>> plans;  // one per config, each with its own scratch
};

class Placements {
 public:
  // `operands` are shared by all placements where copies would make no difference: cold operands
  // rotate through many places anyway, and long ones cover every set of the caches evenly.
  // `operands` and `cpu` must outlive this.
  Placements(const ops::Problem& problem, const Cpu& cpu, const MeasureOptions& options,
             const Operands& operands);

  // Returns a placement in memory that no earlier one used. Earlier placements stay allocated, as
  // many as memory allows, since the system hands out freed memory next.
  absl::StatusOr<Placement> Next(std::span<const ops::Config> configs);

 private:
  const ops::Problem problem_;
  const Cpu& cpu_;
  const MeasureOptions options_;
  const Operands& shared_;
  const int64_t room_;  // bytes that all held placements may have together
  const bool fresh_operands_;
  struct Held {
    Placement placement;
    int64_t bytes;
  };
  std::deque<Held> held_;
  int64_t held_bytes_ = 0;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PLACEMENTS_H_
