// Bayesian optimisation: a Gaussian process over log cost. Each step evaluates the new point with
// the largest acquisition value.
//
// The acquisition value is the expected improvement over the best posterior mean, multiplied by the
// probability that the point is feasible: failures have no cost, they enter a separate model of
// feasibility. Every third step considers only the neighbours of the best point, which differ from
// it in one parameter: the model of the whole space is smoother than the cost of kernels, so the
// optimum is reached by local steps in the end.
//
// The defaults were chosen on the public spaces for setting in docs/search.md. Alternating a
// confidence bound with expected improvement, as in Willemsen et al. ("Bayesian Optimization for
// auto-tuning GPU kernels", 2021), or a design of more than four points, each lost a tenth of the
// score there.

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
     .default_value = "4",
     .help = "points to evaluate before the model is used",
     .min = 1,
     .max = 1000,
     .integer = true},
    {.name = "local",
     .default_value = "3",
     .help = "interval of the steps that consider only neighbours of the best point; 0: none do",
     .max = 1000,
     .integer = true},
    {.name = "refit",
     .default_value = "1.2",
     .help = "growth of the data after which the model's parameters are fitted again",
     .min = 1,
     .max = 10},
};

// Costs are clipped at this many standard deviations above the mean: a point ten times slower than
// the rest must not flatten the differences among the rest.
constexpr double kSlowest = 1.5;

// The model of feasibility: a weighted mean of the outcomes of all trials, each with the square of
// its correlation as weight, and of the prior probability kFeasible with weight kFeasibleWeight.
constexpr double kFeasible = 0.9, kFeasibleWeight = 0.3;

// No further fits with more observations: a fit takes cubic time, and the model's parameters hardly
// change by then.
constexpr size_t kLastFit = 150;
// The model ignores further observations, so that time and memory stay bounded at any budget.
constexpr size_t kMostObservations = 500;

double NormalDensity(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi); }
double NormalBelow(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

class Bayes : public StrategyBase {
 public:
  Bayes(const StrategyContext& context, const Options& options)
      : StrategyBase(context, options.Integer("design")),
        local_(options.Integer("local")),
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
  double Improvement(int rank, double best_mean) const;
  int MostPromising(bool local) const;

  int local_;
  double refit_;
  std::optional<GaussianProcess> model_;
  double centre_ = 0, scale_ = 1;  // mean and deviation of the log costs at the last fit
  std::vector<int> in_model_;      // ranks of the observations, in the model's order
  std::vector<int> news_;          // ranks told since the last update of the model
  size_t next_fit_ = 0;
  // Σ of squared correlations with the successful and with the failed trials, by rank; empty until
  // a trial fails.
  std::vector<float> worked_, failed_;
};

void Bayes::Learn(const Trial& trial) {
  if (std::find(news_.begin(), news_.end(), trial.rank) == news_.end()) {
    news_.push_back(trial.rank);
  }
}

// A censored cost is only a lower bound. The model gets its own conditional expectation above that
// bound instead, with the conditional variance (Schmee & Hahn 1979, one step).
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
  // Beyond 5 deviations the expectation is close to the bound, and the ratio would become 0/0.
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
  if (any_failed && (fit || worked_.empty())) {  // the fit changed the correlations: start anew
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

// The expected improvement of a point over `best_mean`.
double Bayes::Improvement(int rank, double best_mean) const {
  const double gain = best_mean - model_->mean()[rank];
  const double deviation = std::sqrt(std::max(model_->variance()[rank], 1e-8f));
  const double z = gain / deviation;
  return z < -8 ? 0 : gain * NormalBelow(z) + deviation * NormalDensity(z);
}

// −1 if no candidate is left.
int Bayes::MostPromising(bool local) const {
  double best_mean = std::numeric_limits<double>::infinity();
  for (const int rank : in_model_) {
    best_mean = std::min<double>(best_mean, model_->mean()[rank]);
  }
  int chosen = -1;
  double highest = -1;
  auto consider = [&](int rank) {
    if (Recall(rank) != nullptr) return;
    const double promise = Improvement(rank, best_mean) * Feasible(rank);
    if (promise <= highest) return;
    highest = promise;
    chosen = rank;
  };
  if (local) {
    for (const int rank : space().Neighbours(best()->rank, Space::Neighbourhood::kHamming)) {
      consider(rank);
    }
  } else {
    for (int rank = 0; rank < space().size(); ++rank) consider(rank);
  }
  return chosen;
}

std::optional<Ask> Bayes::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  if (!model_) model_.emplace(space());
  UpdateModel();
  const auto step = static_cast<int>(trials().size());
  int rank = local_ > 0 && step % local_ == 0 ? MostPromising(/*local=*/true) : -1;
  if (rank < 0) rank = MostPromising(/*local=*/false);
  return Ask{.rank = rank};
}

}  // namespace

constinit const StrategyEntry kBayes = {
    {"bayes", "Gaussian process; expected improvement, every third step next to the best",
     kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Bayes>(context, options);
    }};

}  // namespace jitattn::search
