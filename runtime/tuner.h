// Search, measure, confirm, remember.

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

// A candidate that was just looked at, or that took part in the races of the finalists.
struct TuneEvaluation {
  const Evaluation& evaluation;
  Origin origin = Origin::kSearch;
  bool is_final = false;  // of those races
  int number = 0;  // of the candidate, from 1 in the order of first looks: what a budget counts
  double elapsed_s = 0;
  double best_s = 0, default_s = 0;  // by then, in this phase; 0: not known
};
using EvaluationHook = std::function<void(const TuneEvaluation&)>;

struct TuneOptions {
  std::string strategy;  // empty: search::DefaultStrategy()
  search::StrategyOptions strategy_options;
  SpaceLimits limits;                   // narrow the space that is searched
  std::vector<ops::Config> candidates;  // if any: looked at instead of searching
  // Time is the first, and decides the winner; with others there is a front (TuneReport::front).
  std::vector<Objective> objectives = {Objective::kTime};
  Constraints constraints;  // what breaks them cannot win
  int evaluations = 100;    // distinct candidates, seeds included
  double seconds = 25;      // everything: finalists too
  uint64_t seed = 1;
  ops::Conditions conditions;               // as the measurer has them
  const std::atomic<bool>* stop = nullptr;  // set by Ctrl-C: end soon, keep what was found
  EvaluationHook on_evaluation;
};

struct TuneProgress {
  enum class Phase { kPreparing, kSearching, kConfirming, kDone } phase = Phase::kPreparing;
  int evaluations = 0, budget = 0, space_size = 0;
  double best_s = 0, default_s = 0;  // 0: not known yet
  double elapsed_s = 0, left_s = 0;
  std::string latest;  // the point just looked at, for logs
};
using ProgressHook = std::function<void(const TuneProgress&)>;

struct TuneReport {
  cache::Record record;      // what was, or would be, saved
  std::string path;          // where; "" if not saved
  std::string not_saved;     // why not
  bool save_failed = false;  // it was to be written and could not be; else a better record stands
  ops::Config best_found;    // fastest in the search, before the confirmation
  std::string decision;      // "beats the default by 6.1 % (5.2 … 7.0)", "tie: the default stays"
  std::vector<Evaluation> finalists;  // as Confirmation has them: the default first
  int winner = 0;                     // among them
  // With several objectives: the candidates that keep the constraints and that no other beats in
  // one objective without being worse in another, fastest first; as the search timed them.
  std::vector<Evaluation> front;
  bool interrupted = false;
};

// Without executable memory every configuration of emitted code runs the portable path: there is
// nothing to compare, and a record of it would lie. FailedPrecondition then.
absl::Status CheckTunable(const Cpu& cpu);

// The default, and the record that is to be replaced, are always finalists (law 4). `measurer` is
// made for the same CPU and conditions. `layers` may be null: nothing is read or saved.
//   InvalidArgument  the problem, the strategy or its options
//   FailedPrecondition  CheckTunable(cpu)
//   Internal         no candidate at all gave a right result; the message says why the default's is
//                    none
//   DeadlineExceeded not even the default could be measured in `seconds`
absl::StatusOr<TuneReport> Tune(const ops::Problem& problem, const Cpu& cpu,
                                const TuneOptions& options, Measurer& measurer,
                                const cache::Layers* layers, const ProgressHook& progress);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNER_H_
