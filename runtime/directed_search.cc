// One strategy per weighting of the objectives.

#include "runtime/directed_search.h"

#include <utility>

namespace jitattn::runtime {

absl::StatusOr<DirectedSearch> DirectedSearch::Create(std::string_view strategy,
                                                      const search::StrategyContext& context,
                                                      const search::StrategyOptions& options,
                                                      std::vector<Objective> objectives) {
  DirectedSearch search(std::move(objectives));
  search::StrategyContext here = context;
  for (std::vector<double>& weights : Directions(search.objectives_)) {
    auto made = search::MakeStrategy(strategy, here, options);
    if (!made.ok()) return made.status();
    search.directions_.push_back({std::move(weights), *std::move(made)});
    ++here.seed;  // otherwise all would draw the same points
  }
  return search;
}

std::optional<search::Ask> DirectedSearch::Next() {
  // Turns: 0 1 0 2 0 3 …
  const size_t others = directions_.size() - 1;
  const size_t turn = turn_++;
  const size_t first = others == 0 || turn % 2 == 0 ? 0 : 1 + turn / 2 % others;
  for (size_t i = 0; i < directions_.size(); ++i) {
    const auto ask = directions_[(first + i) % directions_.size()].strategy->Next();
    if (ask) return ask;
  }
  return std::nullopt;
}

void DirectedSearch::Tell(const Candidate& candidate) {
  search::Trial trial = ToTrial(candidate);
  if (!unit_ && !candidate.evaluation.samples.empty()) unit_ = candidate.evaluation;
  for (Direction& direction : directions_) {
    if (directions_.size() > 1 && trial.outcome != search::Trial::Outcome::kFailed) {
      trial.cost = Scalarise(candidate.evaluation, *unit_, objectives_, direction.weights);
    }
    direction.strategy->Tell(trial);
  }
}

}  // namespace jitattn::runtime
