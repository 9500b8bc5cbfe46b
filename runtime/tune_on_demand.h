// Tuning when a plan is created, if the caller asked for it.

#ifndef JITATTN_RUNTIME_TUNE_ON_DEMAND_H_
#define JITATTN_RUNTIME_TUNE_ON_DEMAND_H_

#include "ops/problem.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// If there is no exact record, tunes for at most `seconds` (0: the tuner's default) and saves the
// winner. Returns options with which a plan gets the winner. If the tuning fails, logs a warning
// and returns `options` unchanged: a plan is possible without it.
PlanOptions TuneIfUnknown(const ops::Problem& problem, const Cpu& cpu, PlanOptions options,
                          double seconds);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNE_ON_DEMAND_H_
