// Bayesian optimisation: a Gaussian process over log cost, and of all points not yet looked at the
// one that promises most.
//
// The promise alternates between two views, since each fails where the other does not: expected
// improvement on the best posterior mean, and a lower confidence bound whose width shrinks with
// what is left to learn (Willemsen et al., "Bayesian Optimization for auto-tuning GPU kernels",
// 2021). Failures are no costs: they go to a model of feasibility, by which a promise is
// multiplied.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "search/gaussian_process.h"
#include "search/registry.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "design",
     .default_value = "0",
     .help = "points before the model is asked; 0: two more than there are parameters",
     .min = 0,
     .max = 1000,
     .integer = true},
    {.name = "kappa", .default_value = "1", .help = "width of the confidence bound", .max = 100},
    {.name = "refit",
     .default_value = "1.2",
     .help = "growth of the data after which the model's parameters are sought anew",
     .min = 1,
     .max = 10},
};

// Costs beyond this many standard deviations over the mean are drawn in: that a point is ten times
// slower than the rest must not flatten the differences among the rest.
constexpr double kSlowest = 1.5;

// Feasibility: each trial speaks for its surroundings with the square of its correlation; before
// any speaks, a point is taken to work with this probability, to which this weight belongs.
constexpr double kFeasible = 0.9, kFeasibleWeight = 0.3;

// By then the parameters of the model are settled, and another search for them, which takes cubic
// time, buys nothing.
constexpr size_t kLastFit = 150;
// More observations are not taken in, so that a step and the memory stay bounded at any budget.
constexpr size_t kMostObservations = 500;

double NormalDensity(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi); }
double NormalBelow(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

class Bayes : public StrategyBase {
 public:
  Bayes(const StrategyContext& context, const Options& options)
      : StrategyBase(context, options.Integer("design") > 0 ? options.Integer("design")
                                                            : context.space->dimensions() + 2),
        kappa_(options.Number("kappa")),
        refit_(options.Number("refit")) {}

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  void UpdateModel();
  GpObservation Observe(const Trial& trial) const;
  bool InModel(int rank) const {
    return std::find(in_model_.begin(), in_model_.end(), rank) != in_model_.end();
  }
  double Feasible(int rank) const;
  int MostPromising(bool improvement) const;

  double kappa_, refit_;
  std::optional<GaussianProcess> model_;
  double centre_ = 0, scale_ = 1;  // of log costs, as of the last fit
  std::vector<int> in_model_;      // ranks, in the model's order
  std::vector<int> news_;          // ranks told since the model was last asked
  size_t next_fit_ = 0;
  // Σ over trials of squared correlation, by rank; empty until something fails.
  std::vector<float> worked_, failed_;
};

void Bayes::Learn(const Trial& trial) {
  if (std::find(news_.begin(), news_.end(), trial.rank) == news_.end()) {
    news_.push_back(trial.rank);
  }
}

// A censored cost is only a bound. It enters as what the model expects beyond it, with the spread
// that the model has there (Schmee & Hahn 1979, one step).
GpObservation Bayes::Observe(const Trial& trial) const {
  const double y = std::min((LogCost(trial) - centre_) / scale_, kSlowest);
  GpObservation observation{trial.rank, y, std::pow(trial.spread / scale_, 2)};
  if (trial.outcome != Trial::Outcome::kCensored) return observation;
  double mean = 0, deviation = 1;
  if (!in_model_.empty()) {
    mean = model_->mean()[trial.rank];
    deviation = std::sqrt(std::max(model_->variance()[trial.rank], 1e-6f));
  }
  const double z = (y - mean) / deviation;
  // Beyond 5 deviations the bound itself is the expectation, and the ratio would be 0/0.
  const double hazard = z > 5 ? z : NormalDensity(z) / NormalBelow(-z);
  observation.y = std::max(y, std::min(mean + deviation * hazard, kSlowest));
  observation.variance += deviation * deviation * std::max(0.0, 1 + z * hazard - hazard * hazard);
  return observation;
}

void Bayes::UpdateModel() {
  std::vector<double> costs;
  for (const Trial& trial : trials()) {
    if (trial.outcome != Trial::Outcome::kFailed) costs.push_back(LogCost(trial));
  }
  const bool revised =
      std::any_of(news_.begin(), news_.end(), [&](int rank) { return InModel(rank); });
  const bool fit =
      next_fit_ == 0 || (costs.size() <= kLastFit && (costs.size() >= next_fit_ || revised));
  if (fit) {
    double sum = 0, squares = 0;
    for (const double cost : costs) sum += cost;
    centre_ = sum / costs.size();
    for (const double cost : costs) squares += (cost - centre_) * (cost - centre_);
    scale_ = squares > 0 ? std::sqrt(squares / costs.size()) : 1.0;
    std::vector<GpObservation> data;
    std::vector<int> order;
    for (const Trial& trial : trials()) {
      if (trial.outcome == Trial::Outcome::kFailed || data.size() == kMostObservations) continue;
      data.push_back(Observe(trial));
      order.push_back(trial.rank);
    }
    in_model_ = std::move(order);
    model_->Fit(data, &rng());
    next_fit_ = static_cast<size_t>(std::ceil(costs.size() * refit_));
  }
  for (const int rank : news_) {
    const Trial& trial = *Recall(rank);
    if (fit || trial.outcome == Trial::Outcome::kFailed || InModel(rank)) continue;
    if (in_model_.size() == kMostObservations) break;
    model_->Add(Observe(trial));
    in_model_.push_back(rank);
  }

  const bool any_failed = costs.size() < trials().size();
  if (any_failed && (fit || worked_.empty())) {  // lengths changed: all speak anew
    worked_.assign(space().size(), 0.0f);
    failed_.assign(space().size(), 0.0f);
    news_.clear();
    for (const Trial& trial : trials()) news_.push_back(trial.rank);
  }
  for (const int rank : news_) {
    if (!any_failed) break;
    const bool failed = Recall(rank)->outcome == Trial::Outcome::kFailed;
    std::vector<float>& sums = failed ? failed_ : worked_;
    const std::vector<float> correlations = model_->Correlations(rank);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += correlations[i] * correlations[i];
  }
  news_.clear();
}

double Bayes::Feasible(int rank) const {
  if (worked_.empty()) return 1;
  return (kFeasibleWeight * kFeasible + worked_[rank]) /
         (kFeasibleWeight + worked_[rank] + failed_[rank]);
}

int Bayes::MostPromising(bool improvement) const {
  double best_mean = std::numeric_limits<double>::infinity(), sum = 0;
  for (const int rank : in_model_) {
    best_mean = std::min<double>(best_mean, model_->mean()[rank]);
  }
  for (const float variance : model_->variance()) sum += variance;
  // The bound is as wide as the share of the prior's variance that is still unexplained.
  const double unexplained = sum / space().size() / model_->hyperparameters().amplitude;
  const double width = kappa_ * std::sqrt(std::max(0.0, unexplained));

  int chosen = -1;
  double highest = -std::numeric_limits<double>::infinity();
  for (int rank = 0; rank < space().size(); ++rank) {
    if (Recall(rank) != nullptr) continue;
    const double gain = best_mean - model_->mean()[rank];
    const double deviation = std::sqrt(std::max(model_->variance()[rank], 1e-8f));
    double promise;
    if (improvement) {
      const double z = gain / deviation;
      promise = z < -8 ? 0 : gain * NormalBelow(z) + deviation * NormalDensity(z);
      promise *= Feasible(rank);
    } else {
      promise = gain + width * deviation;
      promise *= promise > 0 ? Feasible(rank) : 1 / Feasible(rank);
    }
    if (promise > highest) {
      highest = promise;
      chosen = rank;
    }
  }
  return chosen;
}

std::optional<Ask> Bayes::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  if (!model_) model_.emplace(space());
  UpdateModel();
  return Ask{.rank = MostPromising(/*improvement=*/trials().size() % 2 == 0)};
}

}  // namespace

constinit const StrategyEntry kBayes = {
    {"bayes", "Gaussian process; expected improvement and confidence bound in turn", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Bayes>(context, options);
    }};

}  // namespace jitattn::search
