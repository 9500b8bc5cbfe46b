// Synthetic spaces and runs on them.

#include "tests/search/synthetic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "search/strategies/strategies.h"

namespace jitattn::search {
namespace {

// Strategies are asked for while tests are still being listed.
const bool all_strategies = (AddAllStrategies(), true);

Parameter MakeParameter(int index, int levels, Rng* rng) {
  Parameter parameter;
  parameter.name = std::string(1, static_cast<char>('a' + index));
  const int kind = index < 2 ? 0 : rng->Below(4);  // a and b are always tile sizes
  const int size = std::max(2, levels - rng->Below(3));
  for (int i = 0; i < (kind == 3 ? 2 + rng->Below(2) : size); ++i) {
    parameter.values.push_back(kind == 0 ? std::exp2(i) : kind == 3 ? i : i + 1);
  }
  parameter.kind = kind == 0   ? Parameter::Kind::kLog
                   : kind == 3 ? Parameter::Kind::kCategorical
                               : Parameter::Kind::kLinear;
  return parameter;
}

}  // namespace

Trial SyntheticSpace::Evaluate(const Ask& ask) const {
  Trial trial;
  trial.rank = ask.rank;
  trial.cost = cost[ask.rank];
  trial.resource = ask.resource;
  if (std::isinf(trial.cost)) trial.outcome = Trial::Outcome::kFailed;
  return trial;
}

SyntheticSpace MakeSynthetic(uint64_t seed, int dimensions, int levels) {
  Rng rng(seed * 977 + 13);
  std::vector<Parameter> parameters;
  for (int p = 0; p < dimensions; ++p) parameters.push_back(MakeParameter(p, levels, &rng));
  const int limit = static_cast<int>(parameters[0].values.size() + parameters[1].values.size()) - 3;
  SyntheticSpace made{
      *Space::Create(parameters,
                     [&](const Point& x) {
                       return x[0] + x[1] <= limit;  // tile product beyond what can be built at all
                     }),
      {},
      std::numeric_limits<double>::infinity(),
      {}};

  std::vector<std::vector<double>> level(dimensions);  // effect of each value
  for (int p = 0; p < dimensions; ++p) {
    const int size = static_cast<int>(parameters[p].values.size());
    const double weight = std::pow(10, rng.Uniform(-2, 0));  // few parameters matter much
    const double centre = rng.Uniform(0, size - 1);
    for (int v = 0; v < size; ++v) {
      const bool categorical = parameters[p].kind == Parameter::Kind::kCategorical;
      const double x = categorical ? rng.Uniform() : (v - centre) / (size - 1.0);
      level[p].push_back(weight * (categorical ? x : 1.5 * x * x));
    }
  }
  std::vector<std::vector<double>> interaction(dimensions, std::vector<double>(dimensions));
  for (int p = 0; p < dimensions; ++p) {
    for (int q = 0; q < p; ++q) {
      if (rng.Chance(0.4)) interaction[p][q] = 0.4 * rng.Normal();
    }
  }
  const double spill = rng.Uniform(0.2, 1.0), waste = rng.Uniform(0.05, 0.3);
  const int registers = limit - 1 - rng.Below(2), problem = 40 + rng.Below(60);
  const int bad_a = rng.Below(dimensions), bad_b = (bad_a + 1) % dimensions;

  for (int rank = 0; rank < made.space.size(); ++rank) {
    const std::span<const int> x = made.space.Row(rank);
    double log_cost = -7;
    std::vector<double> scaled;
    for (int p = 0; p < dimensions; ++p) {
      log_cost += level[p][x[p]];
      scaled.push_back(x[p] / (parameters[p].values.size() - 1.0) - 0.5);
      for (int q = 0; q < p; ++q) log_cost += interaction[p][q] * scaled[p] * scaled[q];
    }
    if (x[0] + x[1] > registers) log_cost += spill;
    const double tile = parameters[0].values[x[0]];
    log_cost += waste * (std::ceil(problem / tile) * tile / problem - 1);
    log_cost += 0.02 * Rng(seed * 1000003 + rank).Normal();
    const bool fails = scaled[bad_a] > 0.3 && scaled[bad_b] < -0.3;
    made.cost.push_back(fails ? std::numeric_limits<double>::infinity() : std::exp(log_cost));
    made.optimum = std::min(made.optimum, made.cost.back());
  }
  made.sorted = made.cost;
  std::sort(made.sorted.begin(), made.sorted.end());
  return made;
}

std::vector<SyntheticSpace> SyntheticSuite(uint64_t first_seed) {
  std::vector<SyntheticSpace> suite;
  for (int i = 0; i < 10; ++i) {
    suite.push_back(MakeSynthetic(first_seed + i, 4 + i % 4, i % 4 == 0 ? 8 : i % 4 == 3 ? 5 : 6));
  }
  return suite;
}

Found Search(const SyntheticSpace& space, std::string_view strategy, int budget, uint64_t seed,
             const StrategyOptions& options, std::vector<int> seeds) {
  StrategyContext context;
  context.space = &space.space;
  context.budget = budget;
  context.seed = seed;
  context.seeds = std::move(seeds);
  auto made = MakeStrategy(strategy, context, options);
  Found run{std::numeric_limits<double>::infinity(), {}};
  std::vector<char> seen(space.space.size());
  while (const std::optional<Ask> ask = (*made)->Next()) {
    if (!seen[ask->rank]) run.asked.push_back(ask->rank);
    seen[ask->rank] = true;
    const Trial trial = space.Evaluate(*ask);
    run.best = std::min(run.best, trial.cost);
    (*made)->Tell(trial);
  }
  return run;
}

double Score(const SyntheticSpace& space, double best, int budget) {
  // P(the i-th best is the best of `budget` draws) = C(n−1−i, budget−1) / C(n, budget), built up
  // as the chance that no better one was drawn; failures cost as much as the worst that works.
  const auto n = static_cast<double>(space.sorted.size());
  double expected = 0, none_yet = 1;
  double last = 0;
  for (size_t i = 0; i < space.sorted.size() && none_yet > 1e-12; ++i) {
    const double drawn = std::min(1.0, budget / (n - static_cast<double>(i)));
    if (std::isfinite(space.sorted[i])) last = std::log(space.sorted[i]);
    expected += none_yet * drawn * last;
    none_yet *= 1 - drawn;
  }
  const double optimum = std::log(space.optimum);
  return (expected - (std::isfinite(best) ? std::log(best) : last)) / (expected - optimum);
}

}  // namespace jitattn::search
