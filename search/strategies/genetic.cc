// A genetic algorithm on the index lattice.
//
// A generation keeps its elite and breeds the rest: tournament, crossover, mutation, repair to the
// nearest valid point. Individuals that were evaluated before are answered from memory, at no cost.

#include <algorithm>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "population",
     .default_value = "0",
     .help = "individuals in a generation; 0: 6, 8 or 10 for budgets up to 25, up to 50, above",
     .max = 10000,
     .integer = true},
    {.name = "elite", .default_value = "0.5", .help = "share that survives to the next generation"},
    {.name = "tournament",
     .default_value = "5",
     .help = "individuals drawn for each parent, of which the best is taken",
     .min = 1,
     .max = 100,
     .integer = true},
    {.name = "mutation",
     .default_value = "0",
     .help = "chance of each gene to change; 0: 1 / number of parameters"},
    {.name = "step",
     .default_value = "0.7",
     .help = "chance that a change is to the next value up or down instead of any value"},
};

struct Settings {
  int population = 0;
  int elite = 0;
  int tournament = 0;
  double mutation = 0;    // chance of a change
  bool one_gene = false;  // true: for one random gene of the child; false: for each gene
  double step = 0;        // chance that a change is to the next value up or down
  int generations = 0;    // 0: until the budget is spent
};

// Small populations: with few evaluations, more generations are better than larger ones. (20
// instead of 10 at a budget of 100, or an elite of a fifth, lost a tenth of the score on synthetic
// spaces.)
int PopulationFor(int budget) { return budget <= 25 ? 6 : budget <= 50 ? 8 : 10; }

class Genetic : public StrategyBase {
 public:
  Genetic(const StrategyContext& context, const Settings& settings)
      : StrategyBase(context, settings.population), settings_(settings) {}

 private:
  struct Individual {
    int rank;
    double cost;
  };

  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  int Parent();
  int Breed();
  void Mutate(int gene, Point* child);

  Settings settings_;
  std::vector<Individual> parents_;  // the last full generation, best first
  std::vector<Individual> born_;     // the one being bred
  int generation_ = 0;
};

std::optional<Ask> Genetic::Propose() {
  if (parents_.empty()) {
    const int fresh = Fresh();
    return fresh < 0 ? std::nullopt : std::optional<Ask>({.rank = fresh});
  }
  if (settings_.generations > 0 && generation_ > settings_.generations) return std::nullopt;
  return Ask{.rank = Breed()};
}

void Genetic::Learn(const Trial& trial) {
  born_.push_back({trial.rank, LogCost(trial)});
  if (static_cast<int>(born_.size()) < std::min(settings_.population, space().size())) return;
  // Best first; ties are sorted by rank, so that the order of arrival has no effect.
  std::sort(born_.begin(), born_.end(), [](const Individual& a, const Individual& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.rank < b.rank;
  });
  parents_ = born_;
  born_.resize(std::min<size_t>(settings_.elite, born_.size() - 1));
  ++generation_;
}

int Genetic::Parent() {
  // parents_ is sorted: the lowest index wins the tournament.
  int best = static_cast<int>(parents_.size()) - 1;
  for (int i = 0; i < settings_.tournament; ++i) {
    best = std::min(best, rng().Below(static_cast<int>(parents_.size())));
  }
  return parents_[best].rank;
}

int Genetic::Breed() {
  Point child = space().At(Parent());
  const std::span<const int> other = space().Row(Parent());
  const int cut = rng().Below(space().dimensions() + 1);
  std::copy(other.begin() + cut, other.end(), child.begin() + cut);
  if (settings_.one_gene) {
    if (rng().Chance(settings_.mutation)) Mutate(rng().Below(space().dimensions()), &child);
  } else {
    for (int gene = 0; gene < space().dimensions(); ++gene) {
      if (rng().Chance(settings_.mutation)) Mutate(gene, &child);
    }
  }
  return space().Repair(child);
}

void Genetic::Mutate(int gene, Point* child) {
  const int size = static_cast<int>(space().parameters()[gene].values.size());
  if (size == 1) return;
  int& value = (*child)[gene];
  const bool ordered = space().parameters()[gene].kind != Parameter::Kind::kCategorical;
  if (ordered && rng().Chance(settings_.step)) {
    const bool up = value == 0 || (value < size - 1 && rng().Chance(0.5));
    value += up ? 1 : -1;
  } else {
    const int other = rng().Below(size - 1);
    value = other + (other >= value ? 1 : 0);  // any value except the current one
  }
}

}  // namespace

constinit const StrategyEntry kGenetic = {
    {"genetic", "tournament, one-point crossover, mutation, elite; repeats are free", kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      Settings settings;
      settings.population = options.Integer("population");
      if (settings.population == 0) settings.population = PopulationFor(context.budget);
      settings.elite = static_cast<int>(options.Number("elite") * settings.population);
      settings.tournament = options.Integer("tournament");
      settings.mutation = options.Number("mutation");
      if (settings.mutation == 0) settings.mutation = 1.0 / context.space->dimensions();
      settings.step = options.Number("step");
      return std::make_unique<Genetic>(context, settings);
    }};

// The preset of the original study: at most 6 + 3 × (6 − 2) = 18 evaluations, fewer if children
// repeat.
constinit const StrategyEntry kGeneticStudy = {
    {"genetic-study", "the study's preset: population 6, 3 generations, 2 elites", {}},
    [](const StrategyContext& context, const Options&) -> std::unique_ptr<Strategy> {
      const Settings settings = {.population = 6,
                                 .elite = 2,
                                 .tournament = 2,
                                 .mutation = 0.4,
                                 .one_gene = true,
                                 .generations = 3};
      return std::make_unique<Genetic>(context, settings);
    }};

}  // namespace jitattn::search
