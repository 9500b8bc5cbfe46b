// Memory of operands and scratch while a problem is timed.

#include "runtime/placements.h"

#include <algorithm>
#include <utility>

namespace jitattn::runtime {
namespace {

// Filling larger operands takes longer than timing a run on them.
constexpr int64_t kMostFreshBytes = int64_t{64} << 20;
// Limits of all placements together: bytes, and the divisor of the available memory.
constexpr int64_t kMostHeldBytes = int64_t{512} << 20;
constexpr int64_t kMemoryShare = 4;

}  // namespace

Placements::Placements(const ops::Problem& problem, const Cpu& cpu, const MeasureOptions& options,
                       const Operands& operands)
    : problem_(problem),
      cpu_(cpu),
      options_(options),
      shared_(operands),
      room_(std::min(kMostHeldBytes, AvailableMemoryBytes() / kMemoryShare)),
      fresh_operands_(operands.sets() == 1 &&
                      operands.memory_bytes() <= std::min(kMostFreshBytes, room_)) {}

absl::StatusOr<Placement> Placements::Next(std::span<const ops::Config> configs) {
  Placement next;
  if (fresh_operands_) {
    auto operands = Operands::Create(problem_, options_.conditions, options_.seed);
    if (!operands.ok()) return operands.status();
    next.operands = *std::move(operands);
  } else {
    next.operands = std::shared_ptr<const Operands>(std::shared_ptr<void>(), &shared_);
  }
  int64_t bytes = fresh_operands_ ? next.operands->memory_bytes() : 0;
  for (const ops::Config& config : configs) {
    auto plan = Plan::Create(
        problem_, cpu_, {.conditions = options_.conditions, .use_cache = false, .config = config});
    if (!plan.ok()) return plan.status();
    bytes += static_cast<int64_t>((*plan)->scratch_bytes());
    next.plans.push_back(*std::move(plan));
  }
  held_.push_back({next, bytes});
  held_bytes_ += bytes;
  while (held_.size() > 1 && held_bytes_ > room_) {
    held_bytes_ -= held_.front().bytes;
    held_.pop_front();
  }
  return next;
}

}  // namespace jitattn::runtime
