// The list of strategies besides the library's own, in the order in which users see them.

#include "search/strategies/strategies.h"

#include "search/registry.h"
#include "search/strategies/entries.h"

namespace jitattn::search {
namespace {

constexpr const StrategyEntry* kFurther[] = {
    &kThompson, &kLocalSearch, &kAnnealing, &kGenetic,    &kDifferentialEvolution, &kCmaEs,
    &kBandit,   &kHyperband,   &kRandom,    &kExhaustive, &kGeneticStudy};

}  // namespace

void AddAllStrategies() { SetFurtherStrategies(kFurther); }

}  // namespace jitattn::search
