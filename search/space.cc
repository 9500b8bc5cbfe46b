// A finite space of points: building, addressing, neighbours, repair.

#include "search/space.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jitattn::search {
namespace {

constexpr int kMaxParameters = 1000;  // some strategies store a number for each pair of them

absl::Status CheckParameter(const Parameter& parameter) {
  const std::vector<double>& values = parameter.values;
  auto refuse = [&](auto... why) {
    return absl::InvalidArgumentError(absl::StrCat("parameter '", parameter.name, "' ", why...));
  };
  if (values.empty()) return refuse("has no values");
  if (!parameter.labels.empty() && parameter.labels.size() != values.size()) {
    return refuse("has ", values.size(), " values but ", parameter.labels.size(), " labels");
  }
  std::unordered_set<double> known;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return refuse("has the value ", values[i]);
    if (parameter.kind == Parameter::Kind::kLog && values[i] < 0) {
      return refuse("has ", values[i], " on a log axis");
    }
    if (!known.insert(values[i]).second) return refuse("has the value ", values[i], " twice");
    if (parameter.kind != Parameter::Kind::kCategorical && i > 0 && values[i] < values[i - 1]) {
      return refuse("has ", values[i], " after ", values[i - 1], "; values must ascend");
    }
  }
  return absl::OkStatus();
}

// The values of a parameter as a surrogate sees them, scaled to [0,1].
std::vector<double> ScaledAxis(const Parameter& parameter) {
  std::vector<double> axis = parameter.values;
  if (parameter.kind == Parameter::Kind::kCategorical || axis.size() < 2) return axis;
  if (parameter.kind == Parameter::Kind::kLog) {
    if (axis[0] == 0) axis[0] = axis[1] / 2;
    for (double& value : axis) value = std::log2(value);
  }
  const double low = axis.front(), range = axis.back() - axis.front();
  for (double& value : axis) value = (value - low) / range;
  return axis;
}

int Size(const Parameter& parameter) { return static_cast<int>(parameter.values.size()); }

}  // namespace

absl::Status Space::Prepare(std::vector<Parameter> parameters) {
  parameters_ = std::move(parameters);
  if (parameters_.empty()) return absl::InvalidArgumentError("a space needs a parameter");
  if (dimensions() > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("a space of ", dimensions(), " parameters; the limit is ", kMaxParameters));
  }
  int64_t grid = 1;
  std::unordered_set<std::string_view> names;
  strides_.resize(parameters_.size());
  for (int p = dimensions() - 1; p >= 0; --p) {
    const Parameter& parameter = parameters_[p];
    if (absl::Status status = CheckParameter(parameter); !status.ok()) return status;
    if (!names.insert(parameter.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter '", parameter.name, "' is listed twice"));
    }
    strides_[p] = grid;
    if (grid > std::numeric_limits<int64_t>::max() / Size(parameter)) {
      return absl::InvalidArgumentError("the grid has more than 2^63 points");
    }
    grid *= Size(parameter);
  }
  for (int p = 0; p < dimensions(); ++p) {
    axes_.push_back(ScaledAxis(parameters_[p]));
    const int size = Size(parameters_[p]);
    const bool one_hot = parameters_[p].kind == Parameter::Kind::kCategorical;
    feature_parameters_.insert(feature_parameters_.end(), size == 1 ? 0 : one_hot ? size : 1, p);
  }
  return absl::OkStatus();
}

void Space::Keep(std::span<const int> row) {
  rows_.insert(rows_.end(), row.begin(), row.end());
  codes_.push_back(std::inner_product(row.begin(), row.end(), strides_.begin(), int64_t{0}));
  ++count_;
}

absl::StatusOr<Space> Space::Create(std::vector<Parameter> parameters,
                                    const Constraint& constraint) {
  Space space;
  if (absl::Status status = space.Prepare(std::move(parameters)); !status.ok()) return status;
  const int64_t stride = space.strides_[0];
  if (stride > kMaxGrid || stride * Size(space.parameters_[0]) > kMaxGrid) {
    return absl::InvalidArgumentError(absl::StrCat("the grid has more than ", kMaxGrid, " points"));
  }
  Point point(space.dimensions(), 0);
  for (int p = 0; p >= 0;) {  // counts like an odometer, the last parameter fastest
    if (!constraint || constraint(point)) space.Keep(point);
    for (p = space.dimensions() - 1; p >= 0 && ++point[p] == Size(space.parameters_[p]); --p) {
      point[p] = 0;
    }
  }
  if (space.count_ == 0) return absl::InvalidArgumentError("no point meets the constraint");
  return space;
}

absl::StatusOr<Space> Space::FromPoints(std::vector<Parameter> parameters,
                                        std::vector<Point> points) {
  Space space;
  if (absl::Status status = space.Prepare(std::move(parameters)); !status.ok()) return status;
  if (points.empty()) return absl::InvalidArgumentError("a space needs a point");
  for (const Point& point : points) {
    if (static_cast<int>(point.size()) != space.dimensions()) {
      return absl::InvalidArgumentError(absl::StrCat("a point of ", point.size(), " indices for ",
                                                     space.dimensions(), " parameters"));
    }
    for (int p = 0; p < space.dimensions(); ++p) {
      if (point[p] < 0 || point[p] >= Size(space.parameters_[p])) {
        return absl::InvalidArgumentError(absl::StrCat("index ", point[p], " of parameter '",
                                                       space.parameters_[p].name, "', which has ",
                                                       Size(space.parameters_[p]), " values"));
      }
    }
  }
  std::sort(points.begin(), points.end());
  if (std::adjacent_find(points.begin(), points.end()) != points.end()) {
    return absl::InvalidArgumentError("a point is listed twice");
  }
  for (const Point& point : points) space.Keep(point);
  return space;
}

Point Space::At(int rank) const {
  const std::span<const int> row = Row(rank);
  return Point(row.begin(), row.end());
}

std::span<const int> Space::Row(int rank) const {
  return {rows_.data() + static_cast<size_t>(rank) * dimensions(), parameters_.size()};
}

int Space::FirstAtLeast(int64_t code, int from, int to) const {
  return static_cast<int>(std::lower_bound(codes_.begin() + from, codes_.begin() + to, code) -
                          codes_.begin());
}

std::optional<int> Space::RankOf(const Point& point) const {
  if (point.size() != parameters_.size()) return std::nullopt;
  int64_t code = 0;
  for (int p = 0; p < dimensions(); ++p) {
    if (point[p] < 0 || point[p] >= Size(parameters_[p])) return std::nullopt;
    code += point[p] * strides_[p];
  }
  const int rank = FirstAtLeast(code, 0, size());
  if (rank == size() || codes_[rank] != code) return std::nullopt;
  return rank;
}

struct Space::Nearest {
  Point target;
  int rank = -1;
  double distance = std::numeric_limits<double>::infinity();
};

// Branch and bound. The lexicographically sorted rows form a tree with a level for each parameter;
// the ranks [from, to) share the values before `parameter`. Values are tried outwards from the
// target, so that the first leaf is already near and most of the tree is pruned.
void Space::FindNearest(int parameter, int from, int to, int64_t code, double distance,
                        Nearest* nearest) const {
  if (parameter == dimensions()) {
    if (distance < nearest->distance || (distance == nearest->distance && from < nearest->rank)) {
      nearest->distance = distance;
      nearest->rank = from;
    }
    return;
  }
  const int size = Size(parameters_[parameter]), target = nearest->target[parameter];
  const bool categorical = parameters_[parameter].kind == Parameter::Kind::kCategorical;
  for (int step = 0; step < size; ++step) {
    const double there = distance + (step == 0     ? 0.0
                                     : categorical ? 1.0
                                                   : static_cast<double>(step) / (size - 1));
    if (there > nearest->distance) return;
    for (const int value : {target - step, target + step}) {
      if (value < 0 || value >= size) continue;
      const int64_t block = code + value * strides_[parameter];
      const int first = FirstAtLeast(block, from, to);
      const int last = FirstAtLeast(block + strides_[parameter], first, to);
      if (first < last) FindNearest(parameter + 1, first, last, block, there, nearest);
      if (step == 0) break;
    }
  }
}

int Space::Repair(const Point& point) const {
  if (const std::optional<int> rank = RankOf(point)) return *rank;
  Nearest nearest{.target = point};
  for (int p = 0; p < dimensions(); ++p) {
    nearest.target[p] = std::clamp(point[p], 0, Size(parameters_[p]) - 1);
  }
  FindNearest(0, 0, size(), 0, 0, &nearest);
  return nearest.rank;
}

std::vector<int> Space::Neighbours(int rank, Neighbourhood kind) const {
  std::vector<int> neighbours;
  Point point = At(rank);
  for (int p = 0; p < dimensions(); ++p) {
    const int here = point[p], size = Size(parameters_[p]);
    const bool all =
        kind == Neighbourhood::kHamming || parameters_[p].kind == Parameter::Kind::kCategorical;
    for (const int direction : {-1, +1}) {
      for (point[p] = here + direction; point[p] >= 0 && point[p] < size; point[p] += direction) {
        const std::optional<int> found = RankOf(point);
        if (found) neighbours.push_back(*found);
        if (found && !all) break;
      }
    }
    point[p] = here;
  }
  return neighbours;
}

std::vector<double> Space::Features(int rank) const {
  std::vector<double> features;
  features.reserve(feature_count());
  const std::span<const int> row = Row(rank);
  for (int p = 0; p < dimensions(); ++p) {
    if (Size(parameters_[p]) == 1) continue;
    if (parameters_[p].kind != Parameter::Kind::kCategorical) {
      features.push_back(axes_[p][row[p]]);
      continue;
    }
    for (int value = 0; value < Size(parameters_[p]); ++value) {
      features.push_back(value == row[p] ? std::sqrt(0.5) : 0.0);
    }
  }
  return features;
}

}  // namespace jitattn::search
