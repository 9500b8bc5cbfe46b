// Means of groups of points; groups are kept dense, as ranks among the valid points are.

#include "search/importance.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"

namespace jitattn::search {
namespace {

// A value that differs by less than this share of its square from the mean square is rounding.
constexpr double kRounding = 1e-24;

struct Group {
  double sum = 0;
  int64_t count = 0;
};

// Var(E[f | group]) of deviations from the mean, and how many groups hold a point.
struct Between {
  double variance = 0;
  int64_t groups = 0;
};

Between BetweenGroups(const std::vector<Group>& groups, int64_t points) {
  Between between;
  for (const Group& group : groups) {
    if (group.count == 0) continue;
    between.variance += group.sum * group.sum / static_cast<double>(group.count);
    ++between.groups;
  }
  between.variance /= static_cast<double>(points);
  return between;
}

class Analysis {
 public:
  Analysis(const Space& space, std::span<const double> values) : space_(space) {
    for (int rank = 0; rank < space.size(); ++rank) {
      if (!std::isfinite(values[rank])) continue;
      ranks_.push_back(rank);
      deviations_.push_back(values[rank]);
    }
    const double mean =
        std::accumulate(deviations_.begin(), deviations_.end(), 0.0) / static_cast<double>(count());
    double squares = 0;
    for (double& value : deviations_) {
      value -= mean;
      squares += value * value;
    }
    variance_ = squares / static_cast<double>(count());
    if (variance_ <= kRounding * mean * mean) variance_ = 0;
  }

  int64_t count() const { return static_cast<int64_t>(ranks_.size()); }
  double variance() const { return variance_; }

  Between Of(int parameter) const {
    std::vector<Group> groups(Values(parameter));
    for (size_t i = 0; i < ranks_.size(); ++i) {
      Add(i, &groups[space_.Row(ranks_[i])[parameter]]);
    }
    return BetweenGroups(groups, count());
  }

  Between Of(int a, int b) const {
    // Parameters of many values make more pairs than there is memory, and few of them hold a point.
    constexpr size_t kCellsPerPoint = 64;
    std::vector<Group> groups;
    const size_t cells = Values(a) * Values(b);
    const bool dense = cells / kCellsPerPoint <= ranks_.size();
    if (dense) groups.resize(cells);
    std::map<size_t, size_t> places;  // of the pairs that hold a point
    for (size_t i = 0; i < ranks_.size(); ++i) {
      const std::span<const int> row = space_.Row(ranks_[i]);
      size_t place = row[a] * Values(b) + row[b];
      if (!dense) {
        const auto [it, fresh] = places.try_emplace(place, groups.size());
        if (fresh) groups.emplace_back();
        place = it->second;
      }
      Add(i, &groups[place]);
    }
    return BetweenGroups(groups, count());
  }

  // E[Var(f | all but the parameter)] over points that are not alone in their group; nothing where
  // these are fewer than half.
  std::optional<double> Within(int parameter) const {
    struct Cell {
      double sum = 0, squares = 0;
      int64_t count = 0;
    };
    std::unordered_map<std::string, Cell> cells;  // by the bytes of the other indices
    std::string key;
    for (size_t i = 0; i < ranks_.size(); ++i) {
      const std::span<const int> row = space_.Row(ranks_[i]);
      key.assign(reinterpret_cast<const char*>(row.data()), row.size_bytes());
      key.replace(parameter * sizeof(int), sizeof(int), sizeof(int), '\0');
      Cell& cell = cells[key];
      cell.sum += deviations_[i];
      cell.squares += deviations_[i] * deviations_[i];
      ++cell.count;
    }
    double within = 0;
    int64_t covered = 0;
    for (const auto& [ignored, cell] : cells) {
      if (cell.count < 2) continue;
      within += cell.squares - cell.sum * cell.sum / static_cast<double>(cell.count);
      covered += cell.count;
    }
    if (Values(parameter) == 1) return 0;
    if (2 * covered < count()) return std::nullopt;
    return within / static_cast<double>(covered);
  }

 private:
  size_t Values(int parameter) const { return space_.parameters()[parameter].values.size(); }
  void Add(size_t i, Group* group) const {
    group->sum += deviations_[i];
    ++group->count;
  }

  const Space& space_;
  std::vector<int> ranks_;  // of points with a value
  std::vector<double> deviations_;
  double variance_ = 0;
};

}  // namespace

absl::StatusOr<Importance> ImportanceOf(const Space& space, std::span<const double> values) {
  if (static_cast<int64_t>(values.size()) != space.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("importance: ", values.size(), " values for ", space.size(), " points"));
  }
  const Analysis analysis(space, values);
  if (analysis.count() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "importance: at least two points with a value are needed, there are ", analysis.count()));
  }
  Importance importance;
  importance.points = analysis.count();
  importance.variance = analysis.variance();
  importance.grid = 1;
  for (const Parameter& parameter : space.parameters()) {
    importance.grid *= static_cast<double>(parameter.values.size());
  }
  importance.whole = static_cast<double>(importance.points) == importance.grid;
  const double scale = importance.variance > 0 ? 1 / importance.variance : 0;
  const double by_chance =
      importance.whole || scale == 0 ? 0 : 1 / static_cast<double>(importance.points - 1);
  for (int i = 0; i < space.dimensions(); ++i) {
    const Between between = analysis.Of(i);
    const std::optional<double> within = analysis.Within(i);
    importance.parameters.push_back(
        {.parameter = i,
         .alone = between.variance * scale,
         .total = within ? std::optional<double>(*within * scale) : std::nullopt,
         .chance = static_cast<double>(between.groups - 1) * by_chance});
  }
  for (int a = 0; a < space.dimensions(); ++a) {
    for (int b = a + 1; b < space.dimensions(); ++b) {
      const Between between = analysis.Of(a, b);
      const Importance::Alone &first = importance.parameters[a], &second = importance.parameters[b];
      const double chance = static_cast<double>(between.groups - 1) * by_chance;
      importance.pairs.push_back({.a = a,
                                  .b = b,
                                  .share = between.variance * scale - first.alone - second.alone,
                                  .chance = std::max(0.0, chance - first.chance - second.chance)});
    }
  }
  return importance;
}

}  // namespace jitattn::search
