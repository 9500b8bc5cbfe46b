// The registry of strategies: the name, the options and the factory of each.

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

// The only strategy of a program that adds no others; tuning on demand uses it.
extern const StrategyEntry kBayes;

// Adds strategies, listed after kBayes, and replaces those of an earlier call. REQUIRES: `entries`
// lives as long as the program, and no other thread makes a strategy during the call.
void SetFurtherStrategies(std::span<const StrategyEntry* const> entries);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_REGISTRY_H_
