// Tuning at the moment a plan is asked for, where its owner wished so.

#ifndef JITATTN_RUNTIME_TUNE_ON_DEMAND_H_
#define JITATTN_RUNTIME_TUNE_ON_DEMAND_H_

#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// Where no exact record is found: tunes for at most `seconds` (0: the tuner's default) and saves
// the winner. Returns the options with which a plan gets it. A tuning that fails is no reason to
// give no plan: it goes to the log, and the options come back as they were.
PlanOptions TuneIfUnknown(const ops::Problem& problem, const Cpu& cpu, PlanOptions options,
                          double seconds);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNE_ON_DEMAND_H_
