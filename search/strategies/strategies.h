// The strategies that a person can ask for by name. The library itself has "bayes" alone.

#ifndef JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_
#define JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_

namespace jitattn::search {

// Makes all of them known to Strategies() and MakeStrategy(). REQUIRES: no strategy is being made
// meanwhile; a program calls this when it starts.
void AddAllStrategies();

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_STRATEGIES_H_
