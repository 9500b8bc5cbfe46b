// Results of other tuners on the same recordings, as entrants of `jitattn replay`.

#ifndef JITATTN_LAB_REPLAY_AGAINST_H_
#define JITATTN_LAB_REPLAY_AGAINST_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/tournament.h"

namespace jitattn::lab {

// Reads CSV (RFC 4180) with a header that has at least file, strategy, budget and best_time_ms, and
// one line per run. An empty best_time_ms means that the run found nothing; it counts as the worst
// cost of the file's space. Lines of other files and budgets are ignored. A strategy with any line
// must have one for each of `paths` and `budgets`. `spaces` are the spaces of `paths`. DataLoss has
// the line and the reason.
absl::StatusOr<std::vector<Outsider>> ReadOutsiders(std::string_view csv,
                                                    std::span<const std::string> paths,
                                                    std::span<const ReplaySpace> spaces,
                                                    std::span<const int> budgets);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_AGAINST_H_
