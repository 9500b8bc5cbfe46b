// Tables of `jitattn replay`, for people and for machines.

#ifndef JITATTN_LAB_REPLAY_REPORT_H_
#define JITATTN_LAB_REPLAY_REPORT_H_

#include <string>
#include <vector>

#include "cli/json.h"
#include "lab/replay/recording.h"
#include "lab/replay/replay.h"
#include "lab/replay/tournament.h"

namespace jitattn::lab {

struct Replayed {
  std::vector<std::string> paths;  // of each space
  std::vector<ReplaySpace> spaces;
  std::vector<int> budgets;
  int repeats = 0;
  uint64_t seed = 0;
  bool seeds = false, noisy = false, own_time = false;
  Tournament tournament;
};

std::string ReplayText(const Replayed& replayed);
cli::Json ReplayJson(const Replayed& replayed);
// CSV with a line for each file, strategy and budget.
std::string ReplayCsv(const Replayed& replayed);
// CSV with a line for each file, strategy and number of evaluations. REQUIRES: the tournament has
// curves.
std::string ReplayCurvesCsv(const Replayed& replayed);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_REPORT_H_
