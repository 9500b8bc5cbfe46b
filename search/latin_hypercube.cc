// A maximin Latin hypercube of valid points.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/rng.h"
#include "search/strategy.h"

namespace jitattn::search {
namespace {

// Number of designs drawn; the one with the largest minimum distance is kept. More than some twenty
// gain little. A design of 30 points takes microseconds for each point.
constexpr int kDesigns = 20;

// The L1 distance on scaled indices, as in Space::Repair.
double Distance(const Space& space, int a, int b) {
  const std::span<const int> x = space.Row(a), y = space.Row(b);
  double distance = 0;
  for (int p = 0; p < space.dimensions(); ++p) {
    const Parameter& parameter = space.parameters()[p];
    if (x[p] == y[p]) continue;
    distance += parameter.kind == Parameter::Kind::kCategorical
                    ? 1.0
                    : std::abs(x[p] - y[p]) / (parameter.values.size() - 1.0);
  }
  return distance;
}

// Cuts each parameter's range into `count` strata and uses each of them once. The resulting grid
// points are then repaired to valid ones, so some of them may coincide.
std::vector<int> Draw(const Space& space, int count, Rng* rng) {
  std::vector<Point> points(count, Point(space.dimensions()));
  std::vector<int> strata(count);
  std::iota(strata.begin(), strata.end(), 0);
  for (int p = 0; p < space.dimensions(); ++p) {
    rng->Shuffle(strata);
    const auto size = static_cast<double>(space.parameters()[p].values.size());
    for (int i = 0; i < count; ++i) {
      points[i][p] = static_cast<int>((strata[i] + rng->Uniform()) / count * size);
    }
  }
  std::vector<int> ranks;
  for (const Point& point : points) ranks.push_back(space.Repair(point));
  return ranks;
}

}  // namespace

std::vector<int> WithLatinHypercube(const Space& space, std::vector<int> seeds, int count,
                                    uint64_t seed) {
  count = std::min(count, space.size());
  const int wanted = count - static_cast<int>(seeds.size());
  if (wanted <= 0) return seeds;
  Rng rng(seed);

  // The quality of a design: its number of distinct points, then their minimum distance.
  std::pair<size_t, double> best = {0, -1};
  std::vector<int> result = seeds;
  for (int design = 0; design < kDesigns; ++design) {
    std::vector<int> ranks = seeds;
    double closest = std::numeric_limits<double>::infinity();
    for (const int rank : Draw(space, wanted, &rng)) {
      double nearest = std::numeric_limits<double>::infinity();
      for (const int other : ranks) nearest = std::min(nearest, Distance(space, rank, other));
      if (nearest == 0) continue;
      ranks.push_back(rank);
      closest = std::min(closest, nearest);
    }
    const std::pair<size_t, double> quality = {ranks.size(), closest};
    if (quality > best) {
      best = quality;
      result = std::move(ranks);
    }
  }
  // Points that coincided are replaced by a random point, or the next one that is new.
  while (static_cast<int>(result.size()) < count) {
    int rank = rng.Below(space.size());
    while (std::find(result.begin(), result.end(), rank) != result.end()) {
      rank = (rank + 1) % space.size();
    }
    result.push_back(rank);
  }
  return result;
}

}  // namespace jitattn::search
