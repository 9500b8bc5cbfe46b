// Differential evolution, best/1/bin: a trial vector is the best vector plus a scaled difference of
// two others, crossed with a target. The trial vector replaces its target if it is no worse.
//
// Vectors are continuous, with each axis scaled to [0,1], and only rounded to the nearest valid
// point for evaluation, so that small differences add up. Storn & Price 1997.

#include <algorithm>
#include <cmath>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "population",
     .default_value = "0",
     .help = "vectors; 0: a sixth of the budget, from 5 to 20",
     .min = 0,
     .max = 1000,
     .integer = true},
    {.name = "scale-low", .default_value = "0.2", .help = "least scale of a difference", .max = 2},
    {.name = "scale-high", .default_value = "0.7", .help = "largest scale", .max = 2},
    {.name = "crossover",
     .default_value = "0.6",
     .help = "chance of each gene to come from the best plus the difference"},
};

// Three vectors beside the target are needed for a difference.
constexpr int kLeastPopulation = 4;

class DifferentialEvolution : public StrategyBase {
 public:
  DifferentialEvolution(const StrategyContext& context, int population, const Options& options)
      : StrategyBase(context, population),
        size_(population),
        low_(options.Number("scale-low")),
        high_(options.Number("scale-high")),
        crossover_(options.Number("crossover")) {}

 private:
  struct Member {
    std::vector<double> at;  // in [0,1] for each parameter
    double cost;
  };

  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  std::vector<double> Vector(int rank) const;
  int Round(const std::vector<double>& at) const;
  std::vector<double> Vary(const Member& target);
  int Axis(int parameter) const {  // number of steps along an axis
    return static_cast<int>(space().parameters()[parameter].values.size()) - 1;
  }

  int size_;
  double low_, high_, crossover_;
  std::vector<Member> members_;
  std::vector<double> proposal_;  // the trial vector of the last proposal; empty if none
  int target_ = 0;
};

std::vector<double> DifferentialEvolution::Vector(int rank) const {
  std::vector<double> at;
  for (int p = 0; p < space().dimensions(); ++p) {
    at.push_back(static_cast<double>(space().Row(rank)[p]) / std::max(1, Axis(p)));
  }
  return at;
}

int DifferentialEvolution::Round(const std::vector<double>& at) const {
  Point point;
  for (int p = 0; p < space().dimensions(); ++p) {
    point.push_back(static_cast<int>(std::lround(at[p] * Axis(p))));
  }
  return space().Repair(point);
}

std::vector<double> DifferentialEvolution::Vary(const Member& target) {
  const auto count = static_cast<int>(members_.size());
  const Member& top =
      *std::min_element(members_.begin(), members_.end(),
                        [](const Member& a, const Member& b) { return a.cost < b.cost; });
  const std::vector<double>& a = members_[rng().Below(count)].at;
  const std::vector<double>& b = members_[rng().Below(count)].at;
  const double scale = rng().Uniform(low_, high_);  // random, so that differences form no lattice
  const int sure = rng().Below(space().dimensions());
  std::vector<double> at = target.at;
  for (int p = 0; p < space().dimensions(); ++p) {
    if (p != sure && !rng().Chance(crossover_)) continue;
    at[p] = top.at[p] + scale * (a[p] - b[p]);
    if (at[p] < 0 || at[p] > 1) at[p] = rng().Uniform();
  }
  return at;
}

std::optional<Ask> DifferentialEvolution::Propose() {
  if (left() <= 0) return std::nullopt;
  if (static_cast<int>(members_.size()) < std::min(size_, space().size())) {
    proposal_.clear();
    return Ask{.rank = Fresh()};
  }
  target_ = (target_ + 1) % static_cast<int>(members_.size());
  proposal_ = Vary(members_[target_]);
  return Ask{.rank = Round(proposal_)};
}

void DifferentialEvolution::Learn(const Trial& trial) {
  const double cost = LogCost(trial);
  if (static_cast<int>(members_.size()) < std::min(size_, space().size())) {
    members_.push_back({Vector(trial.rank), cost});
    return;
  }
  const bool mine = !proposal_.empty() && Round(proposal_) == trial.rank;
  Member& target = members_[target_];
  if (cost <= target.cost) target = {mine ? proposal_ : Vector(trial.rank), cost};
}

}  // namespace

constinit const StrategyEntry kDifferentialEvolution = {
    {"differential-evolution", "best/1/bin with dithered scale, rounded to valid points", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      int population = options.Integer("population");
      if (population == 0) population = std::clamp(context.budget / 6, 5, 20);
      population = std::max(population, kLeastPopulation);
      return std::make_unique<DifferentialEvolution>(context, population, options);
    }};

}  // namespace jitattn::search
