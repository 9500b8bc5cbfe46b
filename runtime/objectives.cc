// Several objectives: Pareto dominance, weighted sums, constraints.

#include "runtime/objectives.h"

#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "runtime/confirm.h"

namespace jitattn::runtime {
namespace {

constexpr std::string_view kNames[] = {"time", "memory", "error"};

// Weight of the sum, so that of two points with the same largest term the better one is smaller.
constexpr double kAugmentation = 0.05;

// The least unit, where the value itself may be 0: a page, and the rounding of a float64.
double UnitOf(Objective objective, const Evaluation& unit) {
  const double least = objective == Objective::kMemory ? 4096 : 1e-16;
  return std::max(ValueOf(objective, unit), least);
}

// Values of all objectives except time. Time is noisy and is compared with a tolerance.
std::vector<double> ExactValues(const Evaluation& evaluation,
                                std::span<const Objective> objectives) {
  std::vector<double> values;
  for (const Objective objective : objectives) {
    if (objective != Objective::kTime) values.push_back(ValueOf(objective, evaluation));
  }
  return values;
}

}  // namespace

std::string_view Name(Objective objective) { return kNames[static_cast<int>(objective)]; }

std::optional<Objective> ObjectiveFromName(std::string_view name) {
  for (const Objective o : {Objective::kTime, Objective::kMemory, Objective::kError}) {
    if (name == Name(o)) return o;
  }
  return std::nullopt;
}

double ValueOf(Objective objective, const Evaluation& evaluation) {
  switch (objective) {
    case Objective::kTime:
      return evaluation.seconds.min;
    case Objective::kMemory:
      return static_cast<double>(evaluation.scratch_bytes);
    case Objective::kError:
      return evaluation.max_error;
  }
  return 0;
}

std::string Constraints::Broken(const Evaluation& evaluation) const {
  if (!(evaluation.max_error <= max_error)) {
    return Format("max error %.2g is above %.2g", evaluation.max_error, max_error);
  }
  if (static_cast<double>(evaluation.scratch_bytes) > max_scratch_bytes) {
    return Format("scratch of %d bytes is above %.0f", evaluation.scratch_bytes, max_scratch_bytes);
  }
  return "";
}

std::vector<size_t> ParetoFront(std::span<const Evaluation* const> candidates,
                                std::span<const Objective> objectives) {
  struct Point {
    size_t index;
    std::vector<double> exact;
    double seconds;
  };
  std::vector<Point> points;
  for (size_t i = 0; i < candidates.size(); ++i) {
    points.push_back(
        {i, ExactValues(*candidates[i], objectives), ValueOf(Objective::kTime, *candidates[i])});
  }
  auto config = [&](const Point& point) -> const ops::Config& {
    return candidates[point.index]->config;
  };
  // In this order every point comes after those that beat it, with or without the tolerance: they
  // are better in an exact value and no worse in the others, or equal in all and faster.
  std::sort(points.begin(), points.end(), [&](const Point& a, const Point& b) {
    if (a.exact != b.exact) return a.exact < b.exact;
    if (a.seconds != b.seconds) return a.seconds < b.seconds;
    return PrefersFirst(config(a), config(b));
  });
  std::vector<const Point*> front;
  for (const Point& point : points) {
    const bool beaten = std::any_of(front.begin(), front.end(), [&](const Point* other) {
      return other->seconds <= (1 + kTimeTie) * point.seconds &&
             std::equal(other->exact.begin(), other->exact.end(), point.exact.begin(),
                        std::less_equal<double>());
    });
    if (beaten) continue;
    // The point represents all that are equal to it.
    const Point* chosen = &point;
    for (const Point& same : points) {
      if (same.exact == point.exact && same.seconds >= point.seconds &&
          same.seconds <= (1 + kTimeTie) * point.seconds &&
          PrefersFirst(config(same), config(*chosen))) {
        chosen = &same;
      }
    }
    front.push_back(chosen);
  }
  std::stable_sort(front.begin(), front.end(),
                   [](const Point* a, const Point* b) { return a->seconds < b->seconds; });
  std::vector<size_t> indices;
  for (const Point* point : front) indices.push_back(point->index);
  return indices;
}

double Scalarise(const Evaluation& evaluation, const Evaluation& unit,
                 std::span<const Objective> objectives, std::span<const double> weights) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < objectives.size(); ++i) {
    const double term =
        weights[i] * ValueOf(objectives[i], evaluation) / UnitOf(objectives[i], unit);
    largest = std::max(largest, term);
    sum += term;
  }
  return largest + kAugmentation * sum;
}

std::vector<std::vector<double>> Directions(std::span<const Objective> objectives) {
  const size_t count = objectives.size();
  std::vector<double> time_alone(count, 0);
  time_alone[0] = 1;
  std::vector<std::vector<double>> directions = {time_alone};
  for (size_t other = 1; other < count; ++other) {
    for (const double time : {0.5, 0.1}) {
      std::vector<double>& weights = directions.emplace_back(count, 0);
      weights[0] = time;
      weights[other] = 1 - time;
    }
  }
  if (count > 2) directions.emplace_back(count, 1.0 / static_cast<double>(count));
  return directions;
}

}  // namespace jitattn::runtime
