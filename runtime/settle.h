// From the fastest candidate to its neighbours, one field at a time.

#ifndef JITATTN_RUNTIME_SETTLE_H_
#define JITATTN_RUNTIME_SETTLE_H_

#include <cstddef>
#include <functional>
#include <optional>

#include "runtime/candidates.h"
#include "runtime/tuning_space.h"

namespace jitattn::runtime {

// The candidate of a rank, measured if it was not; none where budget or time end.
using LookAt = std::function<std::optional<size_t>(int rank)>;

// A search ends near the top of a hill and with fields that it happened to draw. From there each
// field in turn, threads first, is moved down its ladder as long as that costs nothing, and up
// where that gains: what is left stands at a local best, and fields that make no difference at the
// value that the fixed key prefers, so that searches that found the same hill name the same winner.
// Returns where that ended; none if nothing of the space was measured.
std::optional<size_t> Settle(const TuningSpace& space, const Candidates& candidates,
                             const LookAt& look);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SETTLE_H_
