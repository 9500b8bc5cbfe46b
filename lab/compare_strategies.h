// `jitattn compare --strategies`: which search finds more, space by space.

#ifndef JITATTN_LAB_COMPARE_STRATEGIES_H_
#define JITATTN_LAB_COMPARE_STRATEGIES_H_

#include <atomic>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cli/json.h"
#include "lab/replay/recording.h"
#include "lab/replay/tournament.h"
#include "ops/conditions.h"
#include "ops/problem.h"
#include "runtime/space_limits.h"

namespace jitattn::lab {

struct NamedSpace {
  std::string name;
  Recording recording;
  int left_out = 0;  // points of the space that there was no time for
};

// Every point of the space; no record is made. Where `seconds` end before that, the points are a
// random sample: strategies then search what was measured. Cancelled where `stop` was set,
// DeadlineExceeded where the time was too short for a single point.
struct LiveOptions {
  double seconds = std::numeric_limits<double>::infinity();
  ops::Conditions conditions;
  uint64_t seed = 1;
  bool quiet = false;
  const std::atomic<bool>* stop = nullptr;
};
absl::StatusOr<NamedSpace> MeasureSpace(const ops::Problem& problem, const Cpu& cpu,
                                        runtime::SpaceLimits limits, const LiveOptions& options);

// A strategy at a budget on a space.
struct StrategyRow {
  std::string space, strategy;
  int budget = 0, runs = 0;
  double fraction_mean = 0;  // optimum ÷ time of the point chosen
  // Time of the point chosen ÷ optimum − 1: 0 is the optimum.
  double regret_p10 = 0, regret_p50 = 0, regret_p90 = 0;
  Balance balance;      // over the other strategies, on this space: Wilcoxon over runs, Holm
  double p_value = 1;   // of the test against random, by Holm
  std::string verdict;  // "better", "tie", "worse" than random; of random itself ""
};

struct StrategyTable {
  std::vector<StrategyRow> rows;  // by space, budget; best mean first
  Tournament tournament;          // over all spaces
  std::vector<int> budgets;
  std::vector<std::string> spaces;
};
// InvalidArgument as RunTournament; DataLoss: a space without a point that works.
absl::StatusOr<StrategyTable> CompareStrategies(const std::deque<NamedSpace>& spaces,
                                                const TournamentOptions& options);

std::string StrategiesText(const StrategyTable& table);
std::string StrategiesCsv(const StrategyTable& table);
cli::Json StrategiesJson(const StrategyTable& table);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_STRATEGIES_H_
