// Strategies choose the next point to evaluate. The caller owns the loop, the clock and the budget:
//
//   while (budget.Left()) {
//     std::optional<Ask> ask = strategy->Next();
//     if (!ask) break;                       // the strategy has finished
//     strategy->Tell(Evaluate(*ask));
//   }
//
// Every strategy is deterministic for a given seed and given answers.

#ifndef JITATTN_SEARCH_STRATEGY_H_
#define JITATTN_SEARCH_STRATEGY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/space.h"
#include "search/trial.h"

namespace jitattn::search {

struct Ask {
  int rank = -1;
  int resource = 1;      // measuring effort for this point; racing strategies raise it
  bool is_seed = false;  // a seed or a point of the initial design, not a proposal
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // The next point to evaluate. None if the strategy has finished or has asked for `budget`
  // distinct points. A point already told is asked for again only with a larger resource. REQUIRES:
  // the answer to the previous question has been told.
  virtual std::optional<Ask> Next() = 0;
  // Tells the result of an evaluation. Trials that were not asked for are accepted and count
  // against the budget. A trial whose cost is not a positive finite number counts as failed.
  virtual void Tell(const Trial& trial) = 0;
};

// The input of every strategy.
struct StrategyContext {
  const Space* space = nullptr;
  std::vector<int> seeds;  // ranks to evaluate first, best guess first; seeds beyond a third of the
                           // budget are dropped
  int budget = 100;        // distinct evaluations in all, seeds included
  uint64_t seed = 0;
};

// An option of a strategy, as `jitattn tune --strategy NAME --help` prints it. Its value is a
// number.
struct OptionInfo {
  std::string_view name, default_value, help;
  double min = 0, max = 1;  // inclusive
  bool integer = false;
};

struct StrategyInfo {
  std::string_view name, summary;
  std::span<const OptionInfo> options;
};

// "name=value" pairs. A strategy refuses unknown names and values out of range.
struct StrategyOptions {
  std::vector<std::pair<std::string, std::string>> values;
};

// All strategies, without "auto", in the order in which they are listed to users.
std::vector<StrategyInfo> Strategies();

// Makes a strategy by name; "auto" means DefaultStrategy(). InvalidArgument: an unknown name (the
// message lists the known ones), an unknown option, a bad value, or an invalid context.
absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view name,
                                                       const StrategyContext& context,
                                                       const StrategyOptions& options = {});

// The error of MakeStrategy for this name and these options, whatever the context; else OK.
absl::Status CheckStrategy(std::string_view name, const StrategyOptions& options = {});

// The strategy that "auto" means.
std::string_view DefaultStrategy();

// Returns `seeds`, extended by a maximin Latin hypercube of valid points to `count` distinct
// points.
std::vector<int> WithLatinHypercube(const Space& space, std::vector<int> seeds, int count,
                                    uint64_t seed);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGY_H_
