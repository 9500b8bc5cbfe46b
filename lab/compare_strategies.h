// `jitattn compare --strategies`: compares search strategies, space by space.

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
  int left_out = 0;  // number of points that were not measured for lack of time
};

// Measures every point of the space, without making a record. If `seconds` are too short for all
// points, the measured ones are a random sample, and strategies search the sample. Cancelled:
// `stop` was set. DeadlineExceeded: the time was too short for a single point.
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
  double fraction_mean = 0;  // optimum ÷ time of the chosen point
  // Time of the chosen point ÷ optimum − 1; 0 is the optimum.
  double regret_p10 = 0, regret_p50 = 0, regret_p90 = 0;
  Balance balance;      // over the other strategies, on this space: Wilcoxon over runs, Holm
  double p_value = 1;   // of the test against random, adjusted by Holm
  std::string verdict;  // "better", "tie", "worse" than random; "" for random itself
};

struct StrategyTable {
  std::vector<StrategyRow> rows;  // by space, budget; best mean first
  Tournament tournament;          // over all spaces
  std::vector<int> budgets;
  std::vector<std::string> spaces;
};
// Compares the strategies of `options` on the spaces. InvalidArgument: as RunTournament. DataLoss:
// a space has no working point.
absl::StatusOr<StrategyTable> CompareStrategies(const std::deque<NamedSpace>& spaces,
                                                const TournamentOptions& options);

std::string StrategiesText(const StrategyTable& table);
std::string StrategiesCsv(const StrategyTable& table);
cli::Json StrategiesJson(const StrategyTable& table);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_STRATEGIES_H_
