// CMA-ES with margin: a normal distribution over the index lattice, adapted to its best samples.
// The margin is a minimum probability of leaving the mean's cell on either side; without it the
// search freezes as soon as the distribution is narrower than a cell.
//
// Hansen 2016 (arXiv 1604.00772) for the update; Hamano, Saito, Nomura, Shirakawa 2022 for the
// margin. A sample is x = mean + sigma · stretch ∘ L·z, with C = L·Lᵀ. The evolution path of sigma
// is computed from z, whose steps are standard normal for any C.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "search/strategies/cholesky.h"
#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "population",
     .default_value = "0",
     .help = "samples in a generation; 0: 4 + 3 ln(parameters), at most a tenth of the budget",
     .min = 0,
     .max = 1000,
     .integer = true},
    {.name = "sigma",
     .default_value = "0.2",
     .help = "initial standard deviation, relative to the length of an axis",
     .min = 0.01,
     .max = 2},
};

// Half of a population are parents; a direction needs two of them.
constexpr int kLeastPopulation = 5;

// The z that a standard normal variable exceeds with probability p, 0 < p < ½. Bisection is fast
// enough for a dozen calls in each generation.
double Quantile(double p) {
  double low = 0, high = 10;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) / 2 > p ? low : high) = middle;
  }
  return low;
}
double Beyond(double z) { return std::erfc(z / std::numbers::sqrt2) / 2; }

class CmaEs : public StrategyBase {
 public:
  CmaEs(const StrategyContext& context, int population, const Options& options);

 private:
  struct Sample {
    std::vector<double> z, y;  // y = L·z
    int rank = -1;
    double cost = 0;
  };

  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  void Start(int rank);
  Sample Draw();
  void Update();
  void KeepMargin();
  int Last(int axis) const {  // index of the last value of an axis
    return static_cast<int>(space().parameters()[axis].values.size()) - 1;
  }

  size_t d_, lambda_, mu_;
  std::vector<double> weights_;
  double mu_eff_, c_sigma_, d_sigma_, c_c_, c_1_, c_mu_, chi_, first_sigma_;

  std::vector<double> mean_, stretch_, covariance_, path_c_, path_sigma_;
  double sigma_ = 0;
  Sample asked_;
  std::vector<Sample> generation_;
  size_t generations_ = 0;
  size_t known_before_ = 0;  // number of trials when this generation began
};

CmaEs::CmaEs(const StrategyContext& context, int population, const Options& options)
    : StrategyBase(context, context.budget / 5),
      d_(context.space->dimensions()),
      lambda_(population),
      mu_(lambda_ / 2),
      first_sigma_(options.Number("sigma")) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < mu_; ++i) {
    weights_.push_back(std::log(mu_ + 0.5) - std::log(i + 1.0));
    sum += weights_.back();
  }
  for (double& weight : weights_) {
    weight /= sum;
    squares += weight * weight;
  }
  const auto n = static_cast<double>(d_);
  mu_eff_ = 1 / squares;
  c_sigma_ = (mu_eff_ + 2) / (n + mu_eff_ + 5);
  d_sigma_ = 1 + c_sigma_ + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (n + 1)) - 1);
  c_c_ = (4 + mu_eff_ / n) / (n + 4 + 2 * mu_eff_ / n);
  c_1_ = 2 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  c_mu_ = std::min(1 - c_1_, 2 * (mu_eff_ - 2 + 1 / mu_eff_) / ((n + 2) * (n + 2) + mu_eff_));
  chi_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
}

void CmaEs::Start(int rank) {
  mean_.clear();
  stretch_.clear();
  for (size_t p = 0; p < d_; ++p) {
    mean_.push_back(space().Row(rank)[p]);
    stretch_.push_back(std::max(1, Last(p)));
  }
  covariance_.assign(d_ * d_, 0.0);
  for (size_t p = 0; p < d_; ++p) covariance_[p * d_ + p] = 1;
  path_c_.assign(d_, 0.0);
  path_sigma_.assign(d_, 0.0);
  sigma_ = first_sigma_;
  generation_.clear();
  generations_ = 0;
  known_before_ = trials().size();
  KeepMargin();
}

CmaEs::Sample CmaEs::Draw() {
  Sample sample;
  for (size_t p = 0; p < d_; ++p) sample.z.push_back(rng().Normal());
  sample.y = Cholesky(d_, covariance_).Multiply(sample.z);
  Point point;
  for (size_t p = 0; p < d_; ++p) {
    const double x = mean_[p] + sigma_ * stretch_[p] * sample.y[p];
    point.push_back(static_cast<int>(std::lround(std::clamp<double>(x, 0, Last(p)))));
  }
  sample.rank = space().Repair(point);
  return sample;
}

std::optional<Ask> CmaEs::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  if (mean_.empty()) Start(best()->rank);
  asked_ = Draw();
  return Ask{.rank = asked_.rank};
}

void CmaEs::Learn(const Trial& trial) {
  if (mean_.empty() || trial.rank != asked_.rank) return;
  asked_.cost = LogCost(trial);
  generation_.push_back(std::move(asked_));
  asked_ = {};
  if (generation_.size() < lambda_) return;
  Update();
  KeepMargin();
  ++generations_;
  generation_.clear();
  // A generation without a new point means convergence: restart from a random point.
  if (trials().size() == known_before_ && left() > 0) Start(Fresh());
  known_before_ = trials().size();
}

void CmaEs::Update() {
  std::stable_sort(generation_.begin(), generation_.end(),
                   [](const Sample& a, const Sample& b) { return a.cost < b.cost; });
  std::vector<double> z(d_), y(d_);
  for (size_t i = 0; i < mu_; ++i) {
    for (size_t p = 0; p < d_; ++p) {
      z[p] += weights_[i] * generation_[i].z[p];
      y[p] += weights_[i] * generation_[i].y[p];
    }
  }
  double length = 0;
  for (size_t p = 0; p < d_; ++p) {
    mean_[p] = std::clamp<double>(mean_[p] + sigma_ * stretch_[p] * y[p], 0, Last(p));
    path_sigma_[p] =
        (1 - c_sigma_) * path_sigma_[p] + std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_eff_) * z[p];
    length += path_sigma_[p] * path_sigma_[p];
  }
  length = std::sqrt(length);
  const double settled = 1 - std::pow(1 - c_sigma_, 2.0 * static_cast<double>(generations_ + 1));
  const bool stalled =
      length / std::sqrt(settled) >= (1.4 + 2 / (static_cast<double>(d_) + 1)) * chi_;
  for (size_t p = 0; p < d_; ++p) {
    path_c_[p] =
        (1 - c_c_) * path_c_[p] + (stalled ? 0 : std::sqrt(c_c_ * (2 - c_c_) * mu_eff_) * y[p]);
  }
  const double lost = stalled ? c_1_ * c_c_ * (2 - c_c_) : 0;
  for (size_t p = 0; p < d_; ++p) {
    for (size_t q = 0; q < d_; ++q) {
      double rank_mu = 0;
      for (size_t i = 0; i < mu_; ++i) {
        rank_mu += weights_[i] * generation_[i].y[p] * generation_[i].y[q];
      }
      double& c = covariance_[p * d_ + q];
      c = (1 - c_1_ - c_mu_ + lost) * c + c_1_ * path_c_[p] * path_c_[q] + c_mu_ * rank_mu;
    }
  }
  sigma_ *= std::exp(std::min(1.0, c_sigma_ / d_sigma_ * (length / chi_ - 1)));
  sigma_ = std::min(sigma_, 1.0);  // with a deviation of a whole axis samples are nearly uniform
}

// Gives each axis at least the probability 1 / (λ·d) of leaving the mean's cell: half of it on
// either side, or all of it on the inner side if the cell is at an end of the axis.
void CmaEs::KeepMargin() {
  const double alpha = 1 / static_cast<double>(lambda_ * d_);
  for (size_t p = 0; p < d_; ++p) {
    if (Last(p) == 0) continue;
    const double spread = sigma_ * stretch_[p] * std::sqrt(covariance_[p * d_ + p]);
    const double cell = std::clamp<double>(std::round(mean_[p]), 0, Last(p));
    const double low = cell - 0.5, high = cell + 0.5;
    if (cell == 0 || cell == Last(p)) {
      const double edge = cell == 0 ? high : low;
      const double reach = Quantile(alpha) * spread;
      mean_[p] = edge + std::clamp(mean_[p] - edge, -reach, reach);
      continue;
    }
    const double below = std::max(alpha / 2, Beyond((mean_[p] - low) / spread));
    const double above = std::max(alpha / 2, Beyond((high - mean_[p]) / spread));
    const double z_below = Quantile(std::min(below, 0.5)), z_above = Quantile(std::min(above, 0.5));
    if (z_below + z_above < 1e-6) continue;
    mean_[p] = (low * z_above + high * z_below) / (z_below + z_above);
    stretch_[p] *= 1 / (z_below + z_above) / spread;
  }
}

}  // namespace

constinit const StrategyEntry kCmaEs = {
    {"cma-es", "covariance matrix adaptation with margin, on the index lattice", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      int population = options.Integer("population");
      if (population == 0) {
        const double usual = 4 + 3 * std::log(context.space->dimensions());
        population = std::min(static_cast<int>(usual), context.budget / 10);
      }
      return std::make_unique<CmaEs>(context, std::max(population, kLeastPopulation), options);
    }};

}  // namespace jitattn::search
