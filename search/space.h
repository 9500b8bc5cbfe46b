// A finite space of points: a grid of parameters without the points that a constraint refuses.
// Independent of kernels and clocks.

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
  std::vector<std::string> labels;  // for people and files; one for each value, or empty
};

// For each parameter an index into its values.
using Point = std::vector<int>;

// The valid points of a grid, enumerated once in lexicographic order and addressed by their rank,
// so that a set of points is a set of integers. Immutable; share it by reference.
class Space {
 public:
  using Constraint = std::function<bool(const Point&)>;

  // Enumerates the grid and keeps the points for which `constraint` is true; a null constraint
  // keeps all. InvalidArgument: no parameter or over 1000; no values; a repeated, unordered or
  // non-finite value, or a negative one on a log axis; a repeated name; a grid of more than
  // kMaxGrid points; or no valid point.
  static absl::StatusOr<Space> Create(std::vector<Parameter> parameters,
                                      const Constraint& constraint);
  // Makes a space from a list of its valid points in any order. The grid may be larger than
  // kMaxGrid. InvalidArgument also for an index out of range or a repeated point.
  static absl::StatusOr<Space> FromPoints(std::vector<Parameter> parameters,
                                          std::vector<Point> points);
  static constexpr int64_t kMaxGrid = int64_t{1} << 28;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  int dimensions() const { return static_cast<int>(parameters_.size()); }
  int size() const { return static_cast<int>(count_); }  // number of valid points

  Point At(int rank) const;                             // REQUIRES: 0 ≤ rank < size()
  std::span<const int> Row(int rank) const;             // the same without a copy
  std::optional<int> RankOf(const Point& point) const;  // none if the point is not valid

  // The rank of the valid point nearest to `point`, by L1 distance on indices scaled to [0,1], with
  // distance 1 between two categories. On a tie the lowest rank. Indices outside the grid are first
  // moved to its edge.
  int Repair(const Point& point) const;

  // The ranks of the valid points that differ in one parameter. kAdjacent: the next valid value in
  // either direction, or any value of a categorical parameter; kHamming: any value. Refused values
  // are skipped: otherwise a rule such as "divides the tile" would cut the space into islands.
  enum class Neighbourhood { kAdjacent, kHamming };
  std::vector<int> Neighbours(int rank, Neighbourhood kind) const;

  // A point's features for a surrogate. Ordered parameters: linear or log2 values scaled to [0,1];
  // the value 0 on a log axis is placed an octave below the smallest positive value. Categories:
  // one-hot / √2, so that any two have distance 1. A parameter with one value has no feature.
  std::vector<double> Features(int rank) const;
  int feature_count() const { return static_cast<int>(feature_parameters_.size()); }
  // The index of each feature's parameter.
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
  std::vector<int64_t> codes_;  // row-major grid index of each row, ascending; bisected by RankOf
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_SPACE_H_
