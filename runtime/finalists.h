// The last part of a tuning: selects candidates to be timed again in turn, and decides the winner.

#ifndef JITATTN_RUNTIME_FINALISTS_H_
#define JITATTN_RUNTIME_FINALISTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/candidates.h"
#include "runtime/confirm.h"
#include "runtime/measure.h"

namespace jitattn::runtime {

// The most challengers in a race, in addition to the default and the record.
inline constexpr size_t kMaxChallengers = 5;

// The incumbents of a tuning (law 4), as indices of its candidates.
struct WhatStands {
  std::optional<size_t> default_config, record;
};

// The fastest candidates that may beat the incumbents, fastest first, at most `most`. If `settled`
// may beat them too but is not one of the fastest, it takes the last place.
std::vector<size_t> Challengers(const Candidates& candidates, const WhatStands& stands,
                                std::optional<size_t> settled, size_t most);

// Estimated seconds of the confirmation, from the time of the fastest candidate.
double ConfirmSeconds(const Candidates& candidates);

struct Confirmation {
  Decision decision;
  // The default, the record and the challengers. Samples are those of a finalist's last race.
  std::vector<Evaluation> finalists;
};

struct ConfirmOptions {
  double deadline_s = 1e300;
  // The deciding race runs in quarters whose starts are spread over this time, since neighbours on
  // the machine come and go.
  double spread_s = 0;
  bool keep_record = false;  // as in Decide
  uint64_t seed = 1;
};

// Runs two races, each round in fresh memory. The first picks one challenger among all finalists.
// The second times it against the default and the record, and decides. Times of the first race are
// not reused: the challenger was picked because they were low. The second race ends as soon as the
// challenger cannot win. An infeasible default takes part but cannot win; a failed one is not
// timed. REQUIRES: a candidate was measured.
Confirmation Confirm(Measurer& measurer, const Candidates& candidates, const WhatStands& stands,
                     const std::vector<size_t>& challengers, const ConfirmOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_FINALISTS_H_
