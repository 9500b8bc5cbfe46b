// A finite space of points: a grid of parameters less what a constraint refuses.
// Knows neither kernels nor clocks.

#ifndef JITATTN_SEARCH_SPACE_H_
#define JITATTN_SEARCH_SPACE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::search {

struct Parameter {
  enum class Kind { kLinear, kLog, kCategorical };

  std::string name;
  std::vector<double> values;  // as a surrogate sees them; ascending unless categorical
  Kind kind = Kind::kLinear;
  std::vector<std::string> labels;  // same length as values, or empty: for people and files
};

// One index into each parameter's values.
using Point = std::vector<int>;

// The valid points, enumerated once in lexicographic order and addressed by their rank, so that a
// set of points is a set of integers. Immutable; cheap to share by reference.
class Space {
 public:
  using Constraint = std::function<bool(const Point&)>;

  // InvalidArgument: no parameter or over 1000, no values, a repeated, unordered or non-finite value,
  // a negative one on a log axis, a repeated name, more than kMaxGrid points, or no valid point.
  static absl::StatusOr<Space> Create(std::vector<Parameter> parameters,
                                      const Constraint& constraint);
  // From the valid points themselves, as a recording lists them, in any order; the grid may be
  // larger than kMaxGrid. InvalidArgument also for an index out of range or a repeated point.
  static absl::StatusOr<Space> FromPoints(std::vector<Parameter> parameters,
                                          std::vector<Point> points);
  static constexpr int64_t kMaxGrid = int64_t{1} << 28;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  int dimensions() const { return static_cast<int>(parameters_.size()); }
  int size() const { return static_cast<int>(count_); }  // number of valid points

  Point At(int rank) const;                             // 0 ≤ rank < size()
  std::span<const int> Row(int rank) const;             // the same without a copy
  std::optional<int> RankOf(const Point& point) const;  // none if not valid

  // The valid point nearest to any grid point: L1 on indices scaled to [0,1], where two categories
  // are 1 apart; then lowest rank. Indices outside the grid are moved to its edge.
  int Repair(const Point& point) const;

  // Valid points that differ in one parameter: the next valid value either way (kAdjacent; any
  // value if categorical) or any value (kHamming). A value that a constraint refuses is stepped
  // over, else a rule such as "divides the tile" would cut the space into islands.
  enum class Neighbourhood { kAdjacent, kHamming };
  std::vector<int> Neighbours(int rank, Neighbourhood kind) const;

  // Features for a surrogate: log2 or linear values scaled to [0,1] (0 on a log axis stands an
  // octave below the smallest positive value), one-hot / √2 for categories, so that any two are 1
  // apart. A parameter with one value has no feature.
  std::vector<double> Features(int rank) const;
  int feature_count() const { return static_cast<int>(feature_parameters_.size()); }
  // The parameter behind each feature.
  std::span<const int> feature_parameters() const { return feature_parameters_; }

 private:
  absl::Status Prepare(std::vector<Parameter> parameters);
  void Keep(std::span<const int> row);
  int FirstAtLeast(int64_t code, int from, int to) const;
  struct Nearest;
  void FindNearest(int parameter, int from, int to, int64_t code, double distance,
                   Nearest* nearest) const;

  std::vector<Parameter> parameters_;
  std::vector<int64_t> strides_;  // of the grid, row-major
  std::vector<int> feature_parameters_;
  std::vector<std::vector<double>> axes_;  // values as features, per parameter
  int64_t count_ = 0;
  std::vector<int> rows_;       // count_ × dimensions, sorted
  std::vector<int64_t> codes_;  // rows as grid numbers, ascending: rank ↔ point by bisection
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_SPACE_H_
