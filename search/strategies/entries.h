// The entries that the files of this folder define; strategies.cc lists them.

#ifndef JITATTN_SEARCH_STRATEGIES_ENTRIES_H_
#define JITATTN_SEARCH_STRATEGIES_ENTRIES_H_

#include "search/registry.h"

namespace jitattn::search {

extern const StrategyEntry kThompson, kLocalSearch, kAnnealing, kGenetic, kDifferentialEvolution,
    kCmaEs, kBandit, kHyperband, kRandom, kExhaustive, kGeneticStudy;

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_ENTRIES_H_
