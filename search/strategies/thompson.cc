// Top-two Thompson sampling on a linear model with an arm for each value of each parameter.
//
// The effects of the arms are sampled from their posterior; the best point under the sample is the
// leader. With probability 1 − beta a second sample is drawn, and its best other point, the
// challenger, is evaluated instead: plain Thompson sampling soon evaluates only close neighbours of
// its favourite (Russo 2020).
//
// Effects of neighbouring values of an ordered parameter are correlated, as an autoregression along
// the axis with a tridiagonal precision matrix, so that the model also predicts untried values.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "search/strategies/cholesky.h"
#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "beta", .default_value = "0.5", .help = "chance to evaluate the leader"},
    {.name = "likeness",
     .default_value = "0.8",
     .help = "correlation of the effects of neighbouring values",
     .max = 0.99},
    {.name = "misfit",
     .default_value = "0.3",
     .help = "error of the additive model, in standard deviations of log cost",
     .min = 0.01,
     .max = 10},
};

// Costs are clipped at this many standard deviations above the mean, so that one cliff is not taken
// for an effect of each of its values. Failures count as clipped costs.
constexpr double kSlowest = 1.5;

class Thompson : public StrategyBase {
 public:
  Thompson(const StrategyContext& context, const Options& options);

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial&) override {}
  std::vector<double> Belief(std::vector<double>* mean) const;
  int Best(const std::vector<double>& effects, int other_than) const;

  double beta_, misfit_;
  std::vector<size_t> first_arm_;  // by parameter
  size_t arms_ = 0;
  std::vector<double> prior_;  // prior precision matrix of the effects, arms × arms
};

Thompson::Thompson(const StrategyContext& context, const Options& options)
    : StrategyBase(context, context.budget / 5),
      beta_(options.Number("beta")),
      misfit_(options.Number("misfit")) {
  for (const Parameter& parameter : space().parameters()) {
    first_arm_.push_back(arms_);
    arms_ += parameter.values.size();
  }
  prior_.assign(arms_ * arms_, 0.0);
  // Each parameter gets an equal part of the variance of the standardised log cost, which is 1.
  const double precision = space().dimensions();
  for (int p = 0; p < space().dimensions(); ++p) {
    const Parameter& parameter = space().parameters()[p];
    const bool ordered = parameter.kind != Parameter::Kind::kCategorical;
    const double rho = ordered ? options.Number("likeness") : 0;
    const size_t first = first_arm_[p], last = first + parameter.values.size() - 1;
    for (size_t arm = first; arm <= last; ++arm) {
      const double inner = arm > first && arm < last ? rho * rho : 0;
      const double alone = first == last ? 1 - rho * rho : 1;
      prior_[arm * arms_ + arm] = precision * (alone + inner) / (1 - rho * rho);
      if (arm == first) continue;
      prior_[arm * arms_ + arm - 1] = -precision * rho / (1 - rho * rho);
      prior_[(arm - 1) * arms_ + arm] = prior_[arm * arms_ + arm - 1];
    }
  }
}

// The posterior precision matrix P of the effects. `mean` receives P · (posterior mean); the caller
// solves for the mean.
std::vector<double> Thompson::Belief(std::vector<double>* mean) const {
  double sum = 0, squares = 0, count = 0;
  for (const Trial& trial : trials()) {
    const double cost = LogCost(trial);
    if (!std::isfinite(cost)) continue;
    sum += cost;
    ++count;
  }
  const double centre = sum / count;
  for (const Trial& trial : trials()) {
    const double cost = LogCost(trial);
    if (std::isfinite(cost)) squares += (cost - centre) * (cost - centre);
  }
  const double scale = squares > 0 ? std::sqrt(squares / count) : 1;

  std::vector<double> precision = prior_, pull(arms_);
  const double weight = 1 / (misfit_ * misfit_);
  for (const Trial& trial : trials()) {
    const double y = std::min((LogCost(trial) - centre) / scale, kSlowest);
    const std::span<const int> row = space().Row(trial.rank);
    for (int p = 0; p < space().dimensions(); ++p) {
      const size_t arm = first_arm_[p] + row[p];
      pull[arm] += weight * y;
      for (int q = 0; q < space().dimensions(); ++q) {
        precision[arm * arms_ + first_arm_[q] + row[q]] += weight;
      }
    }
  }
  *mean = std::move(pull);
  return precision;
}

// The point with the least sum of effects among those not yet evaluated, except `other_than`.
int Thompson::Best(const std::vector<double>& effects, int other_than) const {
  int best = -1;
  double least = std::numeric_limits<double>::infinity();
  for (int rank = 0; rank < space().size(); ++rank) {
    if (rank == other_than || Recall(rank) != nullptr) continue;
    const std::span<const int> row = space().Row(rank);
    double cost = 0;
    for (int p = 0; p < space().dimensions(); ++p) cost += effects[first_arm_[p] + row[p]];
    if (cost < least) {
      least = cost;
      best = rank;
    }
  }
  return best;
}

std::optional<Ask> Thompson::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  std::vector<double> pull;
  const Cholesky factor(arms_, Belief(&pull));
  const std::vector<double> mean = factor.SolveUpper(factor.SolveLower(pull));
  auto sample = [&] {
    std::vector<double> noise(arms_);
    for (double& value : noise) value = rng().Normal();
    std::vector<double> effects = factor.SolveUpper(std::move(noise));
    for (size_t arm = 0; arm < arms_; ++arm) effects[arm] += mean[arm];
    return effects;
  };
  const int leader = Best(sample(), -1);
  if (rng().Chance(beta_)) return Ask{.rank = leader};
  const int challenger = Best(sample(), leader);
  return Ask{.rank = challenger < 0 ? leader : challenger};
}

}  // namespace

constinit const StrategyEntry kThompson = {
    {"thompson", "top-two Thompson sampling, an arm for each value of each parameter", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Thompson>(context, options);
    }};

}  // namespace jitattn::search
