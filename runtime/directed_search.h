// Search with several objectives: one strategy per weighting. All are told of every trial and ask
// in turn.

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

// A strategy sees one cost per trial and may keep a model of it, so the cost of a trial must not
// change later. So there is one strategy for each weighting of the objectives (MOEA/D divides a
// problem in the same way) instead of one strategy under changing weights (ParEGO). Every strategy
// is told of every trial, with its own cost. Every other turn belongs to the strategy of time
// alone. With one objective there is one strategy, and the cost is the time.
class DirectedSearch {
 public:
  // Fails with InvalidArgument where MakeStrategy does.
  static absl::StatusOr<DirectedSearch> Create(std::string_view strategy,
                                               const search::StrategyContext& context,
                                               const search::StrategyOptions& options,
                                               std::vector<Objective> objectives);

  std::optional<search::Ask> Next();
  // REQUIRES: candidate.rank ≥ 0. Objectives are scaled by the values of the first timed candidate.
  void Tell(const Candidate& candidate);

 private:
  struct Direction {
    std::vector<double> weights;
    std::unique_ptr<search::Strategy> strategy;
  };
  explicit DirectedSearch(std::vector<Objective> objectives) : objectives_(std::move(objectives)) {}

  std::vector<Objective> objectives_;
  std::vector<Direction> directions_;  // the first weighs time alone
  size_t turn_ = 0;
  std::optional<Evaluation> unit_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_DIRECTED_SEARCH_H_
