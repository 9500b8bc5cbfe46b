// The last part of a tuning: which candidates are timed again in turn, and who of them wins.

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

// Challengers at most, beside the default and the record.
inline constexpr size_t kMaxChallengers = 5;

// What a tuning has to keep (law 4), among its candidates.
struct WhatStands {
  std::optional<size_t> default_config, record;
};

// The fastest candidates, at most `most`, that may beat what stands; fastest first. `settled` is
// among them if it may, the last if it is not one of the fastest.
std::vector<size_t> Challengers(const Candidates& candidates, const WhatStands& stands,
                                std::optional<size_t> settled, size_t most);

// Seconds that the confirmation will want, by the fastest candidate.
double ConfirmSeconds(const Candidates& candidates);

struct Confirmation {
  Decision decision;
  // The default, the record and the challengers; the samples are of the last race that they took
  // part in.
  std::vector<Evaluation> finalists;
};

struct ConfirmOptions {
  double deadline_s = 1e300;
  // The race that decides is run in quarters, which begin over so many seconds: neighbours of the
  // machine come and go in that time.
  double spread_s = 0;
  bool keep_record = false;  // as in Decide
  uint64_t seed = 1;
};

// Two races of rounds in fresh memory. The first, of all, chooses one challenger. The second, of
// that one, the default and the record, decides: of what chose the challenger nothing speaks for
// it. It ends as soon as the challenger cannot win. A default that is infeasible is timed with them
// and cannot win; one that failed is not timed. REQUIRES: something was measured.
Confirmation Confirm(Measurer& measurer, const Candidates& candidates, const WhatStands& stands,
                     const std::vector<size_t>& challengers, const ConfirmOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_FINALISTS_H_
