// The candidates that a tuning has evaluated.

#include "runtime/candidates.h"

#include <algorithm>
#include <utility>

#include "runtime/statistics.h"

namespace jitattn::runtime {

search::Trial ToTrial(const Candidate& candidate) {
  using Outcome = search::Trial::Outcome;
  const Evaluation& e = candidate.evaluation;
  search::Trial trial{.rank = candidate.rank, .resource = candidate.resource, .error = e.error};
  switch (e.outcome) {
    case Evaluation::Outcome::kMeasured:
    case Evaluation::Outcome::kCensored:
      trial.outcome = candidate.measured() ? Outcome::kMeasured : Outcome::kCensored;
      trial.cost = candidate.cost();
      // The distance from the fastest sample to the low quantile, as an estimate of the error of
      // the fastest. Never zero, so that a surrogate model does not trust one lucky sample
      // completely.
      trial.spread = std::max(1e-3, (LowQuantile(e.samples) - trial.cost) / trial.cost);
      break;
    case Evaluation::Outcome::kInfeasible:
    case Evaluation::Outcome::kWrong:
    case Evaluation::Outcome::kFailed:
      trial.outcome = Outcome::kFailed;
      break;
  }
  return trial;
}

std::optional<size_t> Candidates::Look(const ops::Config& config, int rank, int resource) {
  const auto known = rank < 0 ? by_rank_.end() : by_rank_.find(rank);
  const bool is_new = known == by_rank_.end();
  if (!is_new && all_[known->second].resource >= resource) return known->second;
  const bool budget_left = static_cast<int>(all_.size()) < limits_.budget;
  if ((is_new && !budget_left) || measurer_.Now() >= deadline_s_) return std::nullopt;

  // The first candidate is the default. All others are compared to it, so it is measured in full.
  const double incumbent = limits_.drop_slow ? best_cost() : 0;
  Evaluation evaluation = measurer_.Evaluate(
      config, {.resource = resource, .incumbent_s = incumbent, .deadline_s = deadline_s_});
  evaluation.config = config;
  // A measurement that the deadline cut off before its first sample is no result.
  if (evaluation.outcome == Evaluation::Outcome::kFailed && evaluation.samples.empty() &&
      measurer_.Now() >= deadline_s_) {
    return std::nullopt;
  }

  if (!evaluation.samples.empty() && evaluation.error.empty()) {
    evaluation.error = limits_.constraints.Broken(evaluation);
    if (!evaluation.error.empty()) evaluation.outcome = Evaluation::Outcome::kInfeasible;
  }

  ++looks_;
  const size_t index = is_new ? all_.size() : known->second;
  if (is_new) all_.emplace_back();
  all_[index] = {rank, resource, std::move(evaluation)};
  if (is_new && rank >= 0) by_rank_.emplace(rank, index);
  const Candidate& candidate = all_[index];
  if (candidate.measured() && (!best_ || candidate.cost() < all_[*best_].cost())) best_ = index;
  return index;
}

void Candidates::Place(size_t index, int rank) {
  all_[index].rank = rank;
  if (rank >= 0) by_rank_.emplace(rank, index);
}

}  // namespace jitattn::runtime
