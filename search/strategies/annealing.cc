// Dual annealing on the index lattice: a random walk whose steps and temperature shrink as the
// budget is spent, and a greedy descent from each new best point.
//
// Steps are drawn from a Cauchy distribution, as in generalised annealing (Tsallis & Stariolo
// 1996): mostly small, sometimes across the whole axis. A worse point is accepted with probability
// e^−Δ/T, where Δ is the difference of log costs and T is proportional to the spread of the log
// costs in the design.

#include <algorithm>
#include <cmath>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "temperature",
     .default_value = "0.1",
     .help = "initial temperature, relative to the spread of the design's log costs",
     .max = 100},
    {.name = "step",
     .default_value = "0.3",
     .help = "typical initial step, relative to the length of an axis"},
    {.name = "descend",
     .default_value = "1",
     .help = "1: greedy descent from each new best point; 0: annealing only",
     .integer = true},
};

class Annealing : public StrategyBase {
 public:
  Annealing(const StrategyContext& context, const Options& options)
      : StrategyBase(context, context.budget / 5),
        temperature_(options.Number("temperature")),
        step_(options.Number("step")),
        descend_(options.Integer("descend") == 1) {}

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  // 1 at the start, 0 when the budget is spent.
  double Heat() const { return static_cast<double>(left()) / budget(); }
  double Spread() const;
  int Step();

  double temperature_, step_;
  bool descend_;
  int here_ = -1;
  double cost_ = 0;        // log cost of here_
  double spread_ = 0;      // standard deviation of the design's log costs
  std::vector<int> next_;  // neighbours to descend to, last first
};

double Annealing::Spread() const {
  double sum = 0, squares = 0, count = 0;
  for (const Trial& trial : trials()) {
    const double cost = LogCost(trial);
    if (!std::isfinite(cost)) continue;
    sum += cost;
    squares += cost * cost;
    ++count;
  }
  return std::sqrt(std::max(0.0, squares / count - sum / count * sum / count));
}

int Annealing::Step() {
  Point point = space().At(here_);
  // Changes at least one parameter, and more while the temperature is high.
  const int changes =
      1 + (rng().Chance(Heat()) ? rng().Below(std::min(3, space().dimensions())) : 0);
  for (int i = 0; i < changes; ++i) {
    const int gene = rng().Below(space().dimensions());
    const int size = static_cast<int>(space().parameters()[gene].values.size());
    if (size == 1) continue;
    if (space().parameters()[gene].kind == Parameter::Kind::kCategorical) {
      point[gene] = rng().Below(size);
      continue;
    }
    const double cauchy = std::tan(std::acos(-1.0) * (rng().Uniform() - 0.5));
    const double step = std::clamp(cauchy * step_ * Heat() * size, -1.0 * size, 1.0 * size);
    const int whole =
        static_cast<int>(std::copysign(std::max(1.0, std::round(std::abs(step))), step));
    point[gene] = std::clamp(point[gene] + whole, 0, size - 1);
  }
  return space().Repair(point);
}

std::optional<Ask> Annealing::Propose() {
  if (left() <= 0) return std::nullopt;
  if (best() == nullptr) return Ask{.rank = Fresh()};
  if (here_ < 0) {
    here_ = best()->rank;
    cost_ = LogCost(*best());
    spread_ = Spread();
  }
  while (!next_.empty()) {
    const int rank = next_.back();
    next_.pop_back();
    if (Recall(rank) == nullptr) return Ask{.rank = rank};
  }
  return Ask{.rank = Step()};
}

void Annealing::Learn(const Trial& trial) {
  if (here_ < 0) return;
  const double rise = LogCost(trial) - cost_;
  const double temperature = temperature_ * spread_ * Heat();
  if (rise >= 0 && !rng().Chance(std::exp(-rise / std::max(temperature, 1e-9)))) return;
  if (rise >= 0 && !next_.empty()) return;  // a descent accepts only better points
  here_ = trial.rank;
  cost_ += rise;
  next_.clear();
  if (descend_ && best() != nullptr && best()->rank == here_) {
    next_ = space().Neighbours(here_, Space::Neighbourhood::kAdjacent);
    rng().Shuffle(next_);
  }
}

}  // namespace

constinit const StrategyEntry kAnnealing = {
    {"annealing", "dual annealing: a cooling walk, with descents from each new best", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Annealing>(context, options);
    }};

}  // namespace jitattn::search
