// The configurations of a problem as points of a space that a strategy can search.

#ifndef JITATTN_RUNTIME_TUNING_SPACE_H_
#define JITATTN_RUNTIME_TUNING_SPACE_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"
#include "runtime/space_limits.h"
#include "search/space.h"

namespace jitattn::runtime {

// The points of a problem: the ladders of jit::Fields as far as they matter to it, less what
// Validate refuses and what Canonical maps to another point. A space that would be larger than
// kMaxPoints, or than `limits` allow, keeps those that EstimateCycles likes best. `limits` also
// narrow the ladders of single fields.
class TuningSpace {
 public:
  // What a Gaussian process can look through in a step of milliseconds.
  static constexpr int kMaxPoints = 20000;

  static absl::StatusOr<TuningSpace> Create(const jit::Problem& problem, const jit::Cpu& cpu,
                                            int threads, const SpaceLimits& limits = {});
  const search::Space& space() const { return space_; }
  jit::Config ConfigAt(int rank) const;
  // The rank of the nearest point of the space: a config from a record may lie off the ladders.
  int RankOf(const jit::Config& config) const;

 private:
  TuningSpace(search::Space space, jit::Config base, std::vector<const jit::Field*> fields,
              std::vector<std::vector<int>> ladders)
      : space_(std::move(space)),
        base_(std::move(base)),
        fields_(std::move(fields)),
        ladders_(std::move(ladders)) {}

  search::Space space_;
  jit::Config base_;                       // what a point does not say
  std::vector<const jit::Field*> fields_;  // a parameter each
  std::vector<std::vector<int>> ladders_;  // their values
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNING_SPACE_H_
