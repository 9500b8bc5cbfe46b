// What a tuning has looked at so far: each candidate once, within the budget and the time.

#ifndef JITATTN_RUNTIME_CANDIDATES_H_
#define JITATTN_RUNTIME_CANDIDATES_H_

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ops/config.h"
#include "runtime/measure.h"
#include "runtime/objectives.h"
#include "search/trial.h"

namespace jitattn::runtime {

struct Candidate {
  int rank = -1;  // -1: off the ladders of the space
  int resource = 1;
  Evaluation evaluation;

  bool measured() const { return evaluation.outcome == Evaluation::Outcome::kMeasured; }
  double cost() const { return evaluation.seconds.min; }
};

// As a strategy is told of it.
search::Trial ToTrial(const Candidate& candidate);

struct CandidateLimits {
  int budget = 100;         // distinct ones
  Constraints constraints;  // what breaks them is infeasible
  // Clearly slower than the fastest is dropped. Not where a slow one may still be wanted.
  bool drop_slow = true;
};

class Candidates {
 public:
  // `measurer` must outlive this.
  Candidates(Measurer& measurer, const CandidateLimits& limits)
      : measurer_(measurer), limits_(limits) {}

  // On the measurer's clock: nothing is looked at from then on.
  void set_deadline(double deadline_s) { deadline_s_ = deadline_s; }
  double deadline() const { return deadline_s_; }

  // The candidate's index, or nothing if time ran out or there was no budget for it. One that is
  // known is measured again only with a larger resource.
  std::optional<size_t> Look(const ops::Config& config, int rank, int resource);
  // Where a candidate stands that was looked at before there was a space; REQUIRES: its rank is -1.
  void Place(size_t index, int rank);

  size_t size() const { return all_.size(); }
  int looks() const { return looks_; }  // measurements: repeats at greater length counted
  const Candidate& operator[](size_t index) const { return all_[index]; }
  // The fastest of those measured, that is: right, and within the constraints.
  std::optional<size_t> best() const { return best_; }
  double best_cost() const { return best_ ? all_[*best_].cost() : 0; }  // 0: there is none

 private:
  Measurer& measurer_;
  const CandidateLimits limits_;
  double deadline_s_ = 1e300;
  std::vector<Candidate> all_;
  std::unordered_map<int, size_t> by_rank_;
  std::optional<size_t> best_;
  int looks_ = 0;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CANDIDATES_H_
