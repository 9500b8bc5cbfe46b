// Where in memory a problem lies while it is timed.

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

// Which physical pages hold operands and scratch decides what shares a set of a cache: one
// allocation favours one configuration, the next process's another, by a per cent and more. What is
// compared over several placements is what callers get.
struct Placement {
  std::shared_ptr<const Operands> operands;
  std::vector<std::shared_ptr<const Plan>> plans;  // with scratch of their own, one a config
};

class Placements {
 public:
  // `operands` are used where copies would not change anything: cold ones rotate through many
  // places, and long ones cover every set of the caches evenly. They and `cpu` must outlive this.
  Placements(const ops::Problem& problem, const Cpu& cpu, const MeasureOptions& options,
             const Operands& operands);

  // Memory that the earlier placements did not have: those are held, as many as memory suffices
  // for, since what is freed is what the system hands out next.
  absl::StatusOr<Placement> Next(std::span<const ops::Config> configs);

 private:
  const ops::Problem problem_;
  const Cpu& cpu_;
  const MeasureOptions options_;
  const Operands& shared_;
  const int64_t room_;  // bytes, for all that are held
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
