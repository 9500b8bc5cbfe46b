// Where each strategy's file hands in its name, its options and its maker.

#ifndef JITATTN_SEARCH_REGISTRY_H_
#define JITATTN_SEARCH_REGISTRY_H_

#include <memory>
#include <span>

#include "search/options.h"
#include "search/strategy.h"

namespace jitattn::search {

struct StrategyEntry {
  StrategyInfo info;
  std::unique_ptr<Strategy> (*make)(const StrategyContext& context, const Options& options);
};

// What a program has before it adds others: all that tuning on demand needs.
extern const StrategyEntry kBayes;

// Further strategies, listed behind kBayes, in place of those that were added before. `entries`
// must live as long as the program. REQUIRES: no strategy is being made meanwhile.
void SetFurtherStrategies(std::span<const StrategyEntry* const> entries);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_REGISTRY_H_
