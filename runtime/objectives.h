// What a tuning looks for beside time, and what it must keep.

#ifndef JITATTN_RUNTIME_OBJECTIVES_H_
#define JITATTN_RUNTIME_OBJECTIVES_H_

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/measure.h"

namespace jitattn::runtime {

// All are to be small: seconds of a run (the fastest sample), scratch of the plan in bytes, and the
// greatest absolute error against the reference.
enum class Objective { kTime, kMemory, kError };
std::string_view Name(Objective objective);  // "time", "memory", "error"
std::optional<Objective> ObjectiveFromName(std::string_view name);
double ValueOf(Objective objective, const Evaluation& evaluation);

// What a candidate must keep to win: one that does not is looked at, and is infeasible.
struct Constraints {
  double max_error = std::numeric_limits<double>::infinity();
  double max_scratch_bytes = std::numeric_limits<double>::infinity();

  // "max error 3.1e-07 is above 1e-07"; "" if all are kept. REQUIRES: the result was verified.
  std::string Broken(const Evaluation& evaluation) const;
};

// Times that differ by less are the same, here as among the finalists.
inline constexpr double kTimeTie = 0.01;

// Indices of the candidates that no other beats in one objective without being worse in another,
// fastest first. A time is worse only beyond kTimeTie; every other value by any difference. Of
// candidates that are the same in all, the one that PrefersFirst. REQUIRES: all were measured.
std::vector<size_t> ParetoFront(std::span<const Evaluation* const> candidates,
                                std::span<const Objective> objectives);

// Augmented weighted Chebyshev sum, max wᵢ·rᵢ + 0.05·Σ wᵢ·rᵢ, of ratios to the values of `unit`:
// smallest on the front whatever the weights, and each point of it for some weights, be the front
// convex or not (Steuer & Choo 1983). Positive where the weight of time is.
double Scalarise(const Evaluation& evaluation, const Evaluation& unit,
                 std::span<const Objective> objectives, std::span<const double> weights);

// The directions in which a search looks, weights in the order of `objectives`: first time alone,
// since it decides what wins; then time with each of the others, evenly and at a tenth; then all
// evenly. One direction for one objective. REQUIRES: time is the first.
std::vector<std::vector<double>> Directions(std::span<const Objective> objectives);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_OBJECTIVES_H_
