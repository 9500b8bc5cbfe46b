// Greedy iterated local search: walks to the first better neighbour until there is none, then
// perturbs the best known point (a kick) and walks again.
//
// Neighbours one step away are tried before jumps along a parameter. Most axes of a kernel are
// smooth, and confirming an optimum takes 2 evaluations for each parameter with single steps, but
// all values of each parameter with jumps.

#include <algorithm>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "kick",
     .default_value = "2",
     .help = "number of parameters changed to leave a local optimum",
     .min = 1,
     .max = 100,
     .integer = true},
    {.name = "jumps",
     .default_value = "1",
     .help = "1: a local optimum is confirmed by jumps along each parameter, 0: by single steps",
     .integer = true},
};

class LocalSearch : public StrategyBase {
 public:
  LocalSearch(const StrategyContext& context, const Options& options)
      : StrategyBase(context, context.budget / 5),
        kick_(options.Integer("kick")),
        jumps_(options.Integer("jumps") == 1) {}

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  void StandOn(const Trial& trial);
  int Kick();

  int kick_;
  bool jumps_;
  int here_ = -1;          // the current point of the walk; −1 before the first measurement
  double cost_ = 0;        // log cost of here_
  int kicked_to_ = -1;     // the walk continues from this point even if it is worse
  std::vector<int> next_;  // neighbours still to try, last first
};

void LocalSearch::StandOn(const Trial& trial) {
  here_ = trial.rank;
  cost_ = LogCost(trial);
  next_.clear();
  auto push = [&](Space::Neighbourhood kind) {
    std::vector<int> ranks = space().Neighbours(here_, kind);
    rng().Shuffle(ranks);
    next_.insert(next_.end(), ranks.begin(), ranks.end());
  };
  if (jumps_) push(Space::Neighbourhood::kHamming);
  push(Space::Neighbourhood::kAdjacent);
}

int LocalSearch::Kick() {
  Point point = space().At(best()->rank);
  for (int i = 0; i < kick_; ++i) {
    const int gene = rng().Below(space().dimensions());
    point[gene] = rng().Below(static_cast<int>(space().parameters()[gene].values.size()));
  }
  return space().Repair(point);
}

std::optional<Ask> LocalSearch::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  if (here_ < 0) StandOn(*best());
  while (!next_.empty()) {
    const int rank = next_.back();
    next_.pop_back();
    if (Recall(rank) == nullptr) return Ask{.rank = rank};
  }
  kicked_to_ = Kick();
  return Ask{.rank = kicked_to_};
}

void LocalSearch::Learn(const Trial& trial) {
  const bool kicked = trial.rank == kicked_to_;
  if (kicked) kicked_to_ = -1;
  if (here_ >= 0 && (LogCost(trial) < cost_ || (kicked && std::isfinite(LogCost(trial))))) {
    StandOn(trial);
  }
}

}  // namespace

constinit const StrategyEntry kLocalSearch = {
    {"local-search", "greedy iterated local search from the seeds", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<LocalSearch>(context, options);
    }};

}  // namespace jitattn::search
