// Coordinate descent from the fastest candidate, one field at a time.

#include "runtime/settle.h"

#include <numeric>
#include <utility>
#include <vector>

namespace jitattn::runtime {
namespace {

// Half of a tie; the race judges the rest. However many moves down there are, their result is at
// most this much slower than the best of all candidates; a move up gains at least this.
constexpr double kNothing = 0.005;
// The second pass moves few fields, a third would move none.
constexpr int kPasses = 2;

// The nearest valid point with the next index of `parameter` in that direction.
std::optional<int> Step(const search::Space& space, int rank, size_t parameter, int direction) {
  search::Point point = space.At(rank);
  point[parameter] += direction;
  const auto& values = space.parameters()[parameter].values;
  if (point[parameter] < 0 || point[parameter] >= static_cast<int>(values.size())) {
    return std::nullopt;
  }
  // Repair adapts the other fields to the moved one: fewer vectors, more rows.
  const int nearest = space.Repair(point);
  const bool moved = space.Row(nearest)[parameter] == point[parameter];
  return moved ? std::optional(nearest) : std::nullopt;
}

std::vector<size_t> ThreadsFirst(const TuningSpace& tuning) {
  std::vector<size_t> order(tuning.space().parameters().size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::swap(order[0], order[tuning.threads_parameter()]);
  return order;
}

}  // namespace

std::optional<size_t> Settle(const TuningSpace& tuning, const Candidates& candidates,
                             const LookAt& look) {
  const search::Space& space = tuning.space();
  std::optional<size_t> here = candidates.best();
  if (!here || candidates[*here].rank < 0) return std::nullopt;
  for (int pass = 0; pass < kPasses; ++pass) {
    bool moved = false;
    for (const size_t parameter : ThreadsFirst(tuning)) {
      for (const int direction : {-1, 1}) {
        while (const auto rank = Step(space, candidates[*here].rank, parameter, direction)) {
          const auto next = look(*rank);
          if (!next) return here;
          const double most = direction < 0 ? (1 + kNothing) * candidates.best_cost()
                                            : (1 - kNothing) * candidates[*here].cost();
          if (!candidates[*next].measured() || candidates[*next].cost() > most) break;
          here = next;
          moved = true;
        }
      }
    }
    if (!moved) break;
  }
  return here;
}

}  // namespace jitattn::runtime
