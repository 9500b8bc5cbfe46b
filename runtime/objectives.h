// Objectives of a tuning besides time, and its constraints.

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

// All are minimised: seconds of a run (the fastest sample), bytes of the plan's scratch, and the
// greatest absolute error against the reference.
enum class Objective { kTime, kMemory, kError };
std::string_view Name(Objective objective);  // "time", "memory", "error"
std::optional<Objective> ObjectiveFromName(std::string_view name);
double ValueOf(Objective objective, const Evaluation& evaluation);

// Limits that the winner must keep. A candidate that breaks one is measured, and is infeasible.
struct Constraints {
  double max_error = std::numeric_limits<double>::infinity();
  double max_scratch_bytes = std::numeric_limits<double>::infinity();

  // The broken constraint, as "max error 3.1e-07 is above 1e-07"; "" if there is none. REQUIRES:
  // the result was verified.
  std::string Broken(const Evaluation& evaluation) const;
};

// Times that differ by less count as equal, here and among the finalists.
inline constexpr double kTimeTie = 0.01;

// Returns the indices of the Pareto front, fastest first: candidates that no other beats in one
// objective without being worse in another. A time is worse only beyond kTimeTie, every other value
// by any difference. Of candidates that are equal in all objectives, the one that PrefersFirst.
// REQUIRES: all were measured.
std::vector<size_t> ParetoFront(std::span<const Evaluation* const> candidates,
                                std::span<const Objective> objectives);

// Augmented weighted Chebyshev sum, max wᵢ·rᵢ + 0.05·Σ wᵢ·rᵢ, of ratios rᵢ to the values of `unit`.
// Its minimum lies on the front for any weights, and every point of the front is the minimum for
// some weights, whether the front is convex or not (Steuer & Choo 1983). Positive if the weight of
// time is.
double Scalarise(const Evaluation& evaluation, const Evaluation& unit,
                 std::span<const Objective> objectives, std::span<const double> weights);

// The weightings of a search, in the order of `objectives`: first time alone, since time decides
// the winner; then time with each other objective, at weights 0.5 and 0.1; then all evenly. One
// weighting for one objective. REQUIRES: time is the first objective.
std::vector<std::vector<double>> Directions(std::span<const Objective> objectives);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_OBJECTIVES_H_
