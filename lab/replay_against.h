// Other tuners' results on the same recordings, as entrants of `jitattn replay`.

#ifndef JITATTN_LAB_REPLAY_AGAINST_H_
#define JITATTN_LAB_REPLAY_AGAINST_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/tournament.h"

namespace jitattn::lab {

// CSV (RFC 4180) with a header that names at least file, strategy, budget and best_time_ms: a line
// a run, best_time_ms empty where it found nothing. Lines of other files and budgets are passed
// over; a strategy that has lines must have some for each of `paths` and `budgets`. `spaces` says
// what counts as the worst of each. DataLoss with line and reason.
absl::StatusOr<std::vector<Outsider>> ReadOutsiders(std::string_view csv,
                                                    std::span<const std::string> paths,
                                                    std::span<const ReplaySpace> spaces,
                                                    std::span<const int> budgets);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_AGAINST_H_
