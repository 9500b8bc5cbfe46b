// Upper confidence bounds with an arm for each value of each parameter.
//
// With one arm for each point a bandit would need as many trials as points before it learns
// anything. Here the value of a point is the mean over its parameters of
//
//   reward(p, v) + alpha · sqrt(2 ln t / n(p, v))        the higher the better
//
// where reward(p, v) is the mean reward of the n(p, v) trials with value v of parameter p, and t
// the number of trials. A trial's reward lies in [0, 1]: 1 for the fastest, 0 for the median and
// every slower or failed trial. Slow trials are not distinguished, since a thousandfold cliff would
// make all good points look the same. UCB1: Auer, Cesa-Bianchi, Fischer 2002; factored arms as in
// combinatorial bandits (Gai et al. 2012).

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "alpha", .default_value = "0.2", .help = "weight of exploration", .max = 100},
};

class Bandit : public StrategyBase {
 public:
  Bandit(const StrategyContext& context, const Options& options)
      : StrategyBase(context, context.budget / 5), alpha_(options.Number("alpha")) {
    for (const Parameter& parameter : space().parameters()) {
      first_arm_.push_back(static_cast<int>(value_.size()));
      value_.resize(value_.size() + parameter.values.size());
    }
    pulls_.resize(value_.size());
  }

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial&) override {}
  void ValueArms();
  double Value(int rank) const {
    double value = 0;
    const std::span<const int> row = space().Row(rank);
    for (int p = 0; p < space().dimensions(); ++p) value += value_[first_arm_[p] + row[p]];
    return value;
  }

  double alpha_;
  std::vector<int> first_arm_;  // by parameter
  std::vector<double> value_;   // by arm
  std::vector<int> pulls_;      // by arm
};

// Computes the value of every arm anew, since rewards are relative to the best and the median so
// far.
void Bandit::ValueArms() {
  std::vector<double> costs;
  for (const Trial& trial : trials()) costs.push_back(LogCost(trial));
  std::vector<double> sorted = costs;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  const double fastest = *std::min_element(costs.begin(), costs.end());
  const double range = sorted[sorted.size() / 2] - fastest;  // +∞ where half of them failed

  std::fill(value_.begin(), value_.end(), 0.0);
  std::fill(pulls_.begin(), pulls_.end(), 0);
  for (size_t i = 0; i < costs.size(); ++i) {
    double reward = 0;
    if (std::isfinite(costs[i])) {
      reward = range > 0 ? std::max(0.0, 1 - (costs[i] - fastest) / range) : 1.0;
    }
    const std::span<const int> row = space().Row(trials()[i].rank);
    for (int p = 0; p < space().dimensions(); ++p) {
      value_[first_arm_[p] + row[p]] += reward;
      ++pulls_[first_arm_[p] + row[p]];
    }
  }
  const double log_t = std::log(static_cast<double>(costs.size()));
  for (size_t arm = 0; arm < value_.size(); ++arm) {
    // An arm that was never pulled counts as pulled once with the best reward. The usual infinite
    // value would spend the whole budget on initialisation if there are more arms than trials.
    const double n = std::max(1, pulls_[arm]);
    value_[arm] = (pulls_[arm] == 0 ? 1.0 : value_[arm] / n) + alpha_ * std::sqrt(2 * log_t / n);
  }
}

std::optional<Ask> Bandit::Propose() {
  if (left() <= 0) return std::nullopt;
  if (trials().empty()) return Ask{.rank = Fresh()};
  ValueArms();
  int chosen = -1, ties = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (int rank = 0; rank < space().size(); ++rank) {
    if (Recall(rank) != nullptr) continue;
    const double value = Value(rank);
    if (value < highest) continue;
    ties = value > highest ? 1 : ties + 1;
    highest = value;
    if (ties == 1 || rng().Below(ties) == 0) chosen = rank;  // a uniform choice among ties
  }
  return Ask{.rank = chosen};
}

}  // namespace

constinit const StrategyEntry kBandit = {
    {"bandit", "upper confidence bounds, an arm for each value of each parameter", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Bandit>(context, options);
    }};

}  // namespace jitattn::search
