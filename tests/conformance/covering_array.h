// Combinations of options: few, but with every pair of choices of any two factors.

#ifndef JITATTN_TESTS_CONFORMANCE_COVERING_ARRAY_H_
#define JITATTN_TESTS_CONFORMANCE_COVERING_ARRAY_H_

#include <cstdint>
#include <functional>
#include <vector>

namespace jitattn {

// A choice for each factor.
using Combination = std::vector<int>;

struct CoveringOptions {
  std::vector<int> levels;  // the number of choices of each factor
  // Whether a combination may occur. A pair that no combination may have must be `excluded`.
  std::function<bool(const Combination&)> allowed;
  // Whether choice x of factor a cannot stand beside choice y of factor b; a < b.
  std::function<bool(int a, int x, int b, int y)> excluded;
  uint64_t seed = 1;
};

// Returns combinations that have every pair that is not excluded. A greedy algorithm after AETG
// (Cohen, Dalal, Fredman & Patton 1997): each combination starts from a pair that is missing, and
// takes for each further factor the choice that covers most of the missing pairs.
std::vector<Combination> CoveringArray(const CoveringOptions& options);

// The number of pairs that are neither excluded nor in a combination.
int MissingPairs(const CoveringOptions& options, const std::vector<Combination>& combinations);

}  // namespace jitattn

#endif  // JITATTN_TESTS_CONFORMANCE_COVERING_ARRAY_H_
