// Tables of `jitattn replay`, for people and for machines.

#ifndef JITATTN_CLI_REPLAY_REPORT_H_
#define JITATTN_CLI_REPLAY_REPORT_H_

#include <string>
#include <vector>

#include "cli/json.h"
#include "search/recording.h"
#include "search/replay.h"
#include "search/tournament.h"

namespace jitattn::cli {

struct Replayed {
  std::vector<std::string> paths;  // of each space
  std::vector<search::ReplaySpace> spaces;
  std::vector<int> budgets;
  int repeats = 0;
  uint64_t seed = 0;
  bool seeds = false, noisy = false, own_time = false;
  search::Tournament tournament;
};

std::string ReplayText(const Replayed& replayed);
Json ReplayJson(const Replayed& replayed);
// A line for each file, strategy and budget, under a header.
std::string ReplayCsv(const Replayed& replayed);
// A line for each file, strategy and number of evaluations. REQUIRES: the tournament has curves.
std::string ReplayCurvesCsv(const Replayed& replayed);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_REPLAY_REPORT_H_
