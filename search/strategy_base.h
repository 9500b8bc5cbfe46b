// The base class of all strategies: evaluates the seeds first, remembers every answer, counts the
// budget, and draws new random points.

#ifndef JITATTN_SEARCH_STRATEGY_BASE_H_
#define JITATTN_SEARCH_STRATEGY_BASE_H_

#include <deque>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "search/strategy.h"

namespace jitattn::search {

// The log cost, smaller is better; +∞ if the point failed. For a censored trial the log of its
// lower bound, which is above the cost of the incumbent that dropped it.
double LogCost(const Trial& trial);

class StrategyBase : public Strategy {
 public:
  std::optional<Ask> Next() final;
  void Tell(const Trial& trial) final;

 protected:
  // `design`: number of points to evaluate before the first proposal; a Latin hypercube adds to the
  // seeds if there are fewer. Seeds and design together take at most a third of the budget.
  StrategyBase(const StrategyContext& context, int design);

  // The next point to evaluate; none ends the search. If the point is already known, Learn is
  // called at once with the remembered answer, at no cost.
  virtual std::optional<Ask> Propose() = 0;
  // Called with every answer: to proposals, to the design, and to new random points that replace
  // endless repeats.
  virtual void Learn(const Trial& trial) = 0;

  const Space& space() const { return *space_; }
  Rng& rng() { return rng_; }
  int budget() const { return budget_; }
  int left() const { return budget_ - static_cast<int>(trials_.size()); }
  // One trial for each distinct point, in the order in which they were first told.
  const std::vector<Trial>& trials() const { return trials_; }
  const Trial* Recall(int rank) const {
    return where_[rank] < 0 ? nullptr : &trials_[where_[rank]];
  }
  // The best measured trial; null before the first one.
  const Trial* best() const { return best_ < 0 ? nullptr : &trials_[best_]; }
  // A random point that was not yet evaluated; −1 if there is none.
  int Fresh();

 private:
  const Space* space_;
  int budget_;
  Rng rng_;
  std::deque<int> design_;  // ranks still to be asked for
  std::vector<Trial> trials_;
  std::vector<int> where_;  // index into trials_ of each rank, or −1
  int best_ = -1;
  std::vector<int> shuffled_;  // all ranks, shuffled lazily (Fisher–Yates):
  size_t drawn_ = 0;           // the first `drawn_` are drawn and known
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGY_BASE_H_
