// The strategies that a user can choose by name. The library itself has only "bayes".

#ifndef JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_
#define JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_

namespace jitattn::search {

// Adds all strategies to Strategies() and MakeStrategy(). Call this at the start of a program.
// REQUIRES: no other thread makes a strategy during the call.
void AddAllStrategies();

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_
