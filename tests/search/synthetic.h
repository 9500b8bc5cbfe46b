// Synthetic spaces by formula that resemble recordings of kernel tuning.

#ifndef JITATTN_TESTS_SEARCH_SYNTHETIC_H_
#define JITATTN_TESTS_SEARCH_SYNTHETIC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "search/space.h"
#include "search/strategy.h"

namespace jitattn::search {

struct SyntheticSpace {
  Space space;
  std::vector<double> cost;    // by rank; infinite where the point fails
  double optimum;              // the least cost
  std::vector<double> sorted;  // the costs, ascending

  Trial Evaluate(const Ask& ask) const;
};

// Log cost is a sum of bowls over few important axes, of pairwise interactions, of tail waste
// (saw-tooth in a tile size), of cliffs where a product of tiles outgrows a register file or a
// cache, and of a fixed texture of about 2 %; some corner of the space fails. Seeds 0–9 serve to
// set the strategies, 10–19 to judge them.
SyntheticSpace MakeSynthetic(uint64_t seed, int dimensions, int levels);
// Ten spaces of 500 to 15,000 points.
std::vector<SyntheticSpace> SyntheticSuite(uint64_t first_seed);

// One run: the least cost found within the budget.
struct Found {
  double best;
  std::vector<int> asked;  // distinct ranks, in order
};
Found Search(const SyntheticSpace& space, std::string_view strategy, int budget, uint64_t seed,
             const StrategyOptions& options = {}, std::vector<int> seeds = {});

// Score in log cost. 0: the expectation of random search without replacement at this budget, 1: the
// optimum.
double Score(const SyntheticSpace& space, double best, int budget);

}  // namespace jitattn::search

#endif  // JITATTN_TESTS_SEARCH_SYNTHETIC_H_
