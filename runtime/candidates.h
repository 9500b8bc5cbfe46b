// The candidates that a tuning has evaluated, each counted once, within a budget and a deadline.

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

// The strategy's view of a candidate.
search::Trial ToTrial(const Candidate& candidate);

struct CandidateLimits {
  int budget = 100;         // distinct candidates
  Constraints constraints;  // a candidate that breaks one is infeasible
  // Stop measuring a candidate that is clearly slower than the fastest. False where other
  // objectives may still want a slow one.
  bool drop_slow = true;
};

class Candidates {
 public:
  // `measurer` must outlive this.
  Candidates(Measurer& measurer, const CandidateLimits& limits)
      : measurer_(measurer), limits_(limits) {}

  // On the measurer's clock; no candidate is measured after it.
  void set_deadline(double deadline_s) { deadline_s_ = deadline_s; }
  double deadline() const { return deadline_s_; }

  // Measures a candidate and returns its index; nullopt if the deadline has passed or the budget is
  // spent. A known candidate is measured again only with a larger resource.
  std::optional<size_t> Look(const ops::Config& config, int rank, int resource);
  // Ranks a candidate that was measured before the space existed. REQUIRES: its rank is -1.
  void Place(size_t index, int rank);

  size_t size() const { return all_.size(); }
  int looks() const { return looks_; }  // measurements, including repeats with a larger resource
  const Candidate& operator[](size_t index) const { return all_[index]; }
  // The fastest candidate with a right result and within the constraints.
  std::optional<size_t> best() const { return best_; }
  double best_cost() const { return best_ ? all_[*best_].cost() : 0; }  // 0 if there is none

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
