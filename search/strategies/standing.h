// How the strategies fared on the recorded spaces that none of them was set on: what is offered
// says what it is worth.

#ifndef JITATTN_SEARCH_STRATEGIES_STANDING_H_
#define JITATTN_SEARCH_STRATEGIES_STANDING_H_

#include <optional>
#include <string_view>

namespace jitattn::search {

// The score of `strategy` (0: as random search, 1: the optimum at once) over tests/data/spaces, the
// list for judging; none for a name that is no strategy's.
std::optional<double> RecordedScore(std::string_view strategy);

// Whether random search does better there. Never of random itself, whose 0 is by definition.
bool IsBelowRandom(std::string_view strategy);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_STANDING_H_
