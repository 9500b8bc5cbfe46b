// Where each strategy's file hands in its name, its options and its maker.

#ifndef JITATTN_SEARCH_REGISTRY_H_
#define JITATTN_SEARCH_REGISTRY_H_

#include <memory>

#include "search/options.h"
#include "search/strategy.h"

namespace jitattn::search {

struct StrategyEntry {
  StrategyInfo info;
  std::unique_ptr<Strategy> (*make)(const StrategyContext& context, const Options& options);
};

// One file each; strategy.cc lists them.
extern const StrategyEntry kBayes, kThompson, kLocalSearch, kAnnealing, kGenetic,
    kDifferentialEvolution, kCmaEs, kBandit, kHyperband, kRandom, kExhaustive, kGeneticStudy;

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_REGISTRY_H_
