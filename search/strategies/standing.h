// The scores of the strategies on recorded spaces that were not used to choose their defaults, to
// be shown to users beside the names.

#ifndef JITATTN_SEARCH_STRATEGIES_STANDING_H_
#define JITATTN_SEARCH_STRATEGIES_STANDING_H_

#include <optional>
#include <string_view>

namespace jitattn::search {

// The score of `strategy` over the spaces for judging in tests/data/spaces: 0 is as good as random
// search, 1 finds the optimum at once. None for an unknown name.
std::optional<double> RecordedScore(std::string_view strategy);

// Whether random search has a better score. False for random itself, whose score is 0 by
// definition.
bool IsBelowRandom(std::string_view strategy);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_STANDING_H_
