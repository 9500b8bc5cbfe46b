// What all strategies share: seeds first, a memory of every answer, the budget, fresh points.

#ifndef JITATTN_SEARCH_STRATEGY_BASE_H_
#define JITATTN_SEARCH_STRATEGY_BASE_H_

#include <deque>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "search/strategy.h"

namespace jitattn::search {

// Smaller is better: log cost, +∞ if the point failed. A censored trial stands at its bound, which
// is above the incumbent that dropped it.
double LogCost(const Trial& trial);

class StrategyBase : public Strategy {
 public:
  std::optional<Ask> Next() final;
  void Tell(const Trial& trial) final;

 protected:
  // `design`: how many points the strategy wants before its first proposal; where the seeds are
  // fewer, a Latin hypercube fills them up. Seeds and design take at most a third of the budget.
  StrategyBase(const StrategyContext& context, int design);

  // What to look at next; none ends the search. It may be a point already known: then its answer
  // comes back through Learn at once, from memory, and costs nothing.
  virtual std::optional<Ask> Propose() = 0;
  // An answer. Not only to proposals: also to the design, and to fresh points that are tried in
  // place of endless repeats.
  virtual void Learn(const Trial& trial) = 0;

  const Space& space() const { return *space_; }
  Rng& rng() { return rng_; }
  int budget() const { return budget_; }
  int left() const { return budget_ - static_cast<int>(trials_.size()); }
  // One for each distinct point looked at, in order of first being told.
  const std::vector<Trial>& trials() const { return trials_; }
  const Trial* Recall(int rank) const {
    return where_[rank] < 0 ? nullptr : &trials_[where_[rank]];
  }
  // The best of those measured; null before the first.
  const Trial* best() const { return best_ < 0 ? nullptr : &trials_[best_]; }
  // A random point not yet looked at; −1 if there is none.
  int Fresh();

 private:
  const Space* space_;
  int budget_;
  Rng rng_;
  std::deque<int> design_;  // still to be asked for
  std::vector<Trial> trials_;
  std::vector<int> where_;  // index into trials_ of each rank, or −1
  int best_ = -1;
  std::vector<int> shuffled_;  // Fisher–Yates, as far as it was needed:
  size_t drawn_ = 0;           // this many in front were drawn and are known
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGY_BASE_H_
