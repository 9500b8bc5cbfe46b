// The record of a tuning.

#ifndef JITATTN_RUNTIME_TUNE_RECORD_H_
#define JITATTN_RUNTIME_TUNE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cache/record.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {

struct TuneOutcome {
  cache::Key key;
  const Evaluation& winner;
  const Evaluation& standing;  // the default, or the winner itself where the default failed
  ops::Config default_config;
  Ratio gain;  // default ÷ winner
  std::string strategy;
  uint64_t seed = 0;
  int evaluations = 0, space_size = 0;
  double tuning_s = 0;
  bool complete = true;
  std::vector<std::string> machine_flags;
};

// Makes a record and fills in names, versions, code hash, fingerprint and date.
cache::Record MakeRecord(const ops::Problem& problem, const Cpu& cpu, const TuneOutcome& outcome);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_TUNE_RECORD_H_
