// The tuner: searches, measures, confirms and saves a record.

#ifndef JITATTN_RUNTIME_TUNER_H_
#define JITATTN_RUNTIME_TUNER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cache/layers.h"
#include "cache/record.h"
#include "ops/conditions.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/objectives.h"
#include "runtime/seeds.h"
#include "runtime/tuning_space.h"
#include "search/strategy.h"

namespace jitattn::runtime {

// A candidate that was just measured, or that took part in the final races.
struct TuneEvaluation {
  const Evaluation& evaluation;
  Origin origin = Origin::kSearch;
  bool is_final = false;  // measured in the final races
  int number = 0;         // the candidate's number, from 1, in order of first measurement
  double elapsed_s = 0;
  double best_s = 0, default_s = 0;  // so far, in this phase; 0: unknown
};
using EvaluationHook = std::function<void(const TuneEvaluation&)>;

struct TuneOptions {
  std::string strategy;  // empty: search::DefaultStrategy()
  search::StrategyOptions strategy_options;
  SpaceLimits limits;                   // of the space that is searched
  std::vector<ops::Config> candidates;  // if not empty, measured instead of a search
  // The first must be time, which decides the winner. Several give a front (TuneReport::front).
  std::vector<Objective> objectives = {Objective::kTime};
  Constraints constraints;  // a candidate that breaks one cannot win
  int evaluations = 100;    // distinct candidates, seeds included
  double seconds = 25;      // for everything, including the finalists
  uint64_t seed = 1;
  ops::Conditions conditions;               // the same as the measurer's
  const std::atomic<bool>* stop = nullptr;  // set by Ctrl-C: end soon and keep the best so far
  EvaluationHook on_evaluation;
};

struct TuneProgress {
  enum class Phase { kPreparing, kSearching, kConfirming, kDone } phase = Phase::kPreparing;
  int evaluations = 0, budget = 0, space_size = 0;
  double best_s = 0, default_s = 0;  // 0: not known yet
  double elapsed_s = 0, left_s = 0;
  std::string latest;  // the point just measured, for logs
};
using ProgressHook = std::function<void(const TuneProgress&)>;

struct TuneReport {
  cache::Record record;      // saved, or to be saved
  std::string path;          // of the saved record; "" if not saved
  std::string not_saved;     // why the record was not saved
  bool save_failed = false;  // writing the record failed
  ops::Config best_found;    // the fastest in the search, before the confirmation
  std::string decision;      // "beats the default by 6.1 % (5.2 … 7.0)", "tie: the default stays"
  std::vector<Evaluation> finalists;  // the default first, as in Confirmation
  int winner = 0;                     // among them
  // With several objectives: the Pareto front (see ParetoFront) of the candidates that keep the
  // constraints, fastest first, with the times of the search.
  std::vector<Evaluation> front;
  bool interrupted = false;
};

// FailedPrecondition if the system refuses executable memory. Then every configuration would run
// the portable path: there is nothing to compare, and a record would be false.
absl::Status CheckTunable(const Cpu& cpu);

// Tunes a problem and saves the winner. The default and the record to be replaced are always
// finalists (law 4). `measurer` must be made for the same CPU and conditions. If `layers` is null,
// no record is read or saved.
//   InvalidArgument  the problem, the strategy or its options
//   FailedPrecondition  CheckTunable(cpu)
//   Internal         no candidate gave a right result; the message has the default's failure
//   DeadlineExceeded `seconds` did not suffice to measure the default
absl::StatusOr<TuneReport> Tune(const ops::Problem& problem, const Cpu& cpu,
                                const TuneOptions& options, Measurer& measurer,
                                const cache::Layers* layers, const ProgressHook& progress);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNER_H_
