// Choosing which point to look at next. The caller owns the loop, the clock and the budget:
//
//   while (budget.Left()) {
//     std::optional<Ask> ask = strategy->Next();
//     if (!ask) break;                       // nothing left to look at
//     strategy->Tell(Evaluate(*ask));        // repeats answered from memory, and free
//   }
//
// Every strategy is deterministic for a seed and the answers it is told.

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
  int resource = 1;      // how much measuring this point deserves now; racing strategies raise it
  bool is_seed = false;  // a seed, or of the design that fills them up: not yet a proposal
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // None when the strategy has nothing further to ask, or has asked for `budget` distinct points.
  // One question at a time: the answer to the last is told before the next. A point already told is
  // asked for again only to be measured with a larger resource.
  virtual std::optional<Ask> Next() = 0;
  // Trials that were not asked for are welcome, and count. One that is measured but whose cost is
  // no positive number is taken as failed.
  virtual void Tell(const Trial& trial) = 0;
};

// What every strategy is given.
struct StrategyContext {
  const Space* space = nullptr;
  std::vector<int> seeds;  // ranks to look at first, best guess first; those beyond a third of the
                           // budget are dropped
  int budget = 100;        // distinct evaluations in all, seeds included
  uint64_t seed = 0;
};

// An option of a strategy, as `jitattn tune --strategy NAME --help` prints it. All are numbers.
struct OptionInfo {
  std::string_view name, default_value, help;
  double min = 0, max = 1;  // both allowed
  bool integer = false;
};

struct StrategyInfo {
  std::string_view name, summary;
  std::span<const OptionInfo> options;
};

// "name=value" pairs; a strategy refuses names it does not know and values out of range.
struct StrategyOptions {
  std::vector<std::pair<std::string, std::string>> values;
};

// All that can be made; "auto" is not among them. In the order in which they are listed to people.
std::vector<StrategyInfo> Strategies();

// InvalidArgument: unknown name (the message lists those there are), unknown option, bad value.
absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view name,
                                                       const StrategyContext& context,
                                                       const StrategyOptions& options = {});

// Whether MakeStrategy would take them, whatever the space.
absl::Status CheckStrategy(std::string_view name, const StrategyOptions& options = {});

// What "auto" stands for.
std::string_view DefaultStrategy();

// Adds to `seeds` a maximin Latin hypercube of valid points until `count` distinct ones are there.
std::vector<int> WithLatinHypercube(const Space& space, std::vector<int> seeds, int count,
                                    uint64_t seed);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGY_H_
