// How much of a space's spread each parameter explains, alone and with others: a functional
// analysis of variance (Hoeffding 1948, Sobol 1993) of what was measured.

#ifndef JITATTN_SEARCH_IMPORTANCE_H_
#define JITATTN_SEARCH_IMPORTANCE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "search/space.h"

namespace jitattn::search {

// With f the value of a point, every point equally likely, and V = Var f:
//   alone_i   Var(E[f | xᵢ]) / V                                 first order
//   share_ij  Var(E[f | xᵢ, xⱼ]) / V − alone_i − alone_j         what only the pair explains
//   total_i   E[Var(f | all but xᵢ)] / V                         first order and every interaction
// On a whole grid this is exact: all alone and share, with the orders above two, sum to 1, and
// total_i is the sum of the terms in which i occurs.
//
// Where points of the grid are missing (a constraint, a failure, a search that looked at some), the
// same expectations are taken over the points that are there. Parameters then depend on one
// another: alone_i is the correlation ratio η², shares may be negative, sums need not be 1. With k
// groups among n points something that does nothing shows (k − 1) / (n − 1) by chance; that is told
// beside each figure. total_i is taken over the points that have another one differing in xᵢ only,
// and is missing where they are fewer than half.
struct Importance {
  struct Alone {
    int parameter = 0;
    double alone = 0;
    std::optional<double> total;
    double chance = 0;  // of `alone`; 0 on a whole grid
  };
  struct Pair {
    int a = 0, b = 0;  // a < b
    double share = 0;
    double chance = 0;  // of `share`; 0 on a whole grid
  };

  std::vector<Alone> parameters;  // in the space's order
  std::vector<Pair> pairs;        // (0,1), (0,2), …
  bool whole = false;             // every point of the grid has a finite value
  double variance = 0;            // V
  int64_t points = 0;             // with a finite value
  double grid = 0;                // points of the grid
};

// Of values by rank; those that are not finite, failures, are left out. InvalidArgument if the
// number of values is not the space's or fewer than two are finite. All shares are 0 where nothing
// varies. O(points × parameters²).
absl::StatusOr<Importance> ImportanceOf(const Space& space, std::span<const double> values);

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_IMPORTANCE_H_
