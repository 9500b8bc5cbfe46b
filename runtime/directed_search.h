// A strategy in each direction of several objectives: all are told of everything, and ask in turn.

#ifndef JITATTN_RUNTIME_DIRECTED_SEARCH_H_
#define JITATTN_RUNTIME_DIRECTED_SEARCH_H_

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/candidates.h"
#include "runtime/objectives.h"
#include "search/strategy.h"

namespace jitattn::runtime {

// Strategies see one cost a trial and may keep a model of it, so that it must not change from trial
// to trial: instead of one strategy under changing weights, as ParEGO has it, one for each
// weighting (as MOEA/D divides a problem), each with a cost of its own for every trial of all.
// Every other turn is time's. For one objective it is that strategy itself, and the cost is the
// time.
class DirectedSearch {
 public:
  // InvalidArgument as MakeStrategy.
  static absl::StatusOr<DirectedSearch> Create(std::string_view strategy,
                                               const search::StrategyContext& context,
                                               const search::StrategyOptions& options,
                                               std::vector<Objective> objectives);

  std::optional<search::Ask> Next();
  // REQUIRES: candidate.rank ≥ 0. The first that was timed is the unit of the others.
  void Tell(const Candidate& candidate);

 private:
  struct Direction {
    std::vector<double> weights;
    std::unique_ptr<search::Strategy> strategy;
  };
  explicit DirectedSearch(std::vector<Objective> objectives) : objectives_(std::move(objectives)) {}

  std::vector<Objective> objectives_;
  std::vector<Direction> directions_;  // the first is of time alone
  size_t turn_ = 0;
  std::optional<Evaluation> unit_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_DIRECTED_SEARCH_H_
