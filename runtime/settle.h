// Coordinate descent from the fastest candidate, one field at a time.

#ifndef JITATTN_RUNTIME_SETTLE_H_
#define JITATTN_RUNTIME_SETTLE_H_

#include <cstddef>
#include <functional>
#include <optional>

#include "runtime/candidates.h"
#include "runtime/tuning_space.h"

namespace jitattn::runtime {

// Returns the candidate of a rank, measured if it was not yet; nullopt if the budget or the time is
// spent.
using LookAt = std::function<std::optional<size_t>(int rank)>;

// A search ends near a local best, with random values in the fields that make no difference. From
// there each field in turn, threads first, is moved down its ladder as long as the time does not
// grow, and up as long as it shrinks. The result is a local best whose indifferent fields have the
// values that the fixed key prefers, so that searches that found the same local best name the same
// winner. Returns the final candidate; nullopt if no point of the space was measured.
std::optional<size_t> Settle(const TuningSpace& space, const Candidates& candidates,
                             const LookAt& look);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SETTLE_H_
