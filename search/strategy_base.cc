// The shared part of all strategies.

#include "search/strategy_base.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace jitattn::search {
namespace {

// A converged population proposes only repeats. After this many in a row, the base class asks for a
// random new point instead.
constexpr int kMaxRepeats = 200;

std::vector<int> Design(const StrategyContext& context, int design) {
  const int third = std::max(1, context.budget / 3);
  std::vector<int> seeds;
  for (const int rank : context.seeds) {
    const bool known = std::find(seeds.begin(), seeds.end(), rank) != seeds.end();
    if (!known && static_cast<int>(seeds.size()) < third) seeds.push_back(rank);
  }
  return WithLatinHypercube(*context.space, std::move(seeds), std::min(design, third),
                            context.seed);
}

// Only a measured trial can replace the best one. A censored cost is merely a bound.
bool Better(const Trial& a, const Trial& b) {
  return a.outcome == Trial::Outcome::kMeasured && a.cost < b.cost;
}

}  // namespace

double LogCost(const Trial& trial) {
  return trial.outcome == Trial::Outcome::kFailed ? std::numeric_limits<double>::infinity()
                                                  : std::log(trial.cost);
}

StrategyBase::StrategyBase(const StrategyContext& context, int design)
    : space_(context.space),
      budget_(std::min(context.budget, context.space->size())),
      rng_(context.seed),
      where_(context.space->size(), -1) {
  for (const int rank : Design(context, design)) design_.push_back(rank);
}

std::optional<Ask> StrategyBase::Next() {
  while (!design_.empty() && Recall(design_.front()) != nullptr) design_.pop_front();
  if (!design_.empty() && left() > 0) {
    const int rank = design_.front();
    design_.pop_front();
    return Ask{.rank = rank, .is_seed = true};
  }
  for (int repeats = 0; repeats < kMaxRepeats; ++repeats) {
    const std::optional<Ask> ask = Propose();
    if (!ask) return std::nullopt;
    const Trial* known = Recall(ask->rank);
    if (known == nullptr) return left() > 0 ? ask : std::nullopt;
    if (known->resource < ask->resource) return ask;
    Learn(Trial(*known));  // a copy, since Learn may add to trials_
  }
  if (left() <= 0) return std::nullopt;
  return Ask{.rank = Fresh()};
}

void StrategyBase::Tell(const Trial& trial) {
  Trial told = trial;
  if (told.outcome != Trial::Outcome::kFailed && !(std::isfinite(told.cost) && told.cost > 0)) {
    told.outcome = Trial::Outcome::kFailed;
  }
  if (told.outcome == Trial::Outcome::kFailed) told.cost = std::numeric_limits<double>::infinity();
  if (!std::isfinite(told.spread) || told.spread < 0) told.spread = 0;

  int& where = where_[told.rank];
  if (where < 0) {
    where = static_cast<int>(trials_.size());
    trials_.push_back(told);
  } else {
    trials_[where] = told;
  }
  if (where == best_) {  // after a new measurement another trial may be better
    for (size_t i = 0; i < trials_.size(); ++i) {
      if (Better(trials_[i], trials_[best_])) best_ = static_cast<int>(i);
    }
  } else if (best_ < 0 ? told.outcome == Trial::Outcome::kMeasured : Better(told, *best())) {
    best_ = where;
  }
  Learn(told);
}

int StrategyBase::Fresh() {
  if (shuffled_.empty()) {
    shuffled_.resize(space_->size());
    std::iota(shuffled_.begin(), shuffled_.end(), 0);
  }
  while (drawn_ < shuffled_.size()) {
    const size_t pick = drawn_ + rng_.Below(static_cast<int>(shuffled_.size() - drawn_));
    std::swap(shuffled_[drawn_], shuffled_[pick]);
    if (Recall(shuffled_[drawn_]) == nullptr) return shuffled_[drawn_];
    ++drawn_;
  }
  return -1;
}

}  // namespace jitattn::search
