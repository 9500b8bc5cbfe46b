// The configurations of a problem as points of a space that a strategy can search.

#ifndef JITATTN_RUNTIME_TUNING_SPACE_H_
#define JITATTN_RUNTIME_TUNING_SPACE_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/space_limits.h"
#include "search/space.h"

namespace jitattn::runtime {

// The points of a problem: all combinations of the steps of the fields of each algorithm that is
// worth searching, without those that Validate refuses, that Canonical maps to another point, or
// that the algorithm's own rules exclude. With several algorithms, the first parameter is the
// algorithm; fields of one name are one parameter, and the fields that an algorithm lacks have
// their lowest value. A space larger than kMaxPoints, or than `limits` allow, keeps the points with
// the best EstimateCycles.
class TuningSpace {
 public:
  // A Gaussian process can evaluate this many points in a step of a few milliseconds.
  static constexpr int kMaxPoints = 20000;

  static absl::StatusOr<TuningSpace> Create(const ops::Problem& problem, const Cpu& cpu,
                                            int threads, const SpaceLimits& limits = {});
  const search::Space& space() const { return space_; }
  // The index of the parameter for the number of threads, which every algorithm has.
  size_t threads_parameter() const;
  ops::Config ConfigAt(int rank) const;
  // The rank of the nearest point of the space: a configuration of a record may lie off the
  // ladders.
  int RankOf(const ops::Config& config) const;

 private:
  // An algorithm's share of the parameters.
  struct Member {
    ops::Config base;                       // the values that a point does not set
    std::vector<const ops::Field*> fields;  // by parameter; null: another algorithm's
  };

  TuningSpace(search::Space space, std::vector<Member> members,
              std::vector<std::vector<int>> ladders)
      : space_(std::move(space)), members_(std::move(members)), ladders_(std::move(ladders)) {}

  size_t MemberOfPoint(std::span<const int> point) const {
    return members_.size() == 1 ? 0 : static_cast<size_t>(point[0]);
  }

  search::Space space_;
  std::vector<Member> members_;
  std::vector<std::vector<int>> ladders_;  // values of each parameter
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNING_SPACE_H_
