// The tuning of one problem after another, with progress and reports.

#ifndef JITATTN_CLI_TUNE_JOBS_H_
#define JITATTN_CLI_TUNE_JOBS_H_

#include <string>
#include <vector>

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/tune_csv.h"
#include "ops/problem.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

struct TuneJob {
  ops::Problem problem;
  runtime::TuneOptions options;
  std::string record;            // file for everything that is measured; empty: none
  int record_samples = 1 << 20;  // of a point, at most
};

struct TuneOutput {
  bool quiet = false;      // no progress, a line a problem
  bool json = false;       // `document` at the end instead of text
  Json document;           // what was found out before; each job adds to its "problems"
  TuneCsv* csv = nullptr;  // every evaluation goes there; null: none is wanted
};

// Says that a signal ended the command, and returns its exit code.
int TellInterrupted();

// Returns the exit code. A failed job does not keep the next from its turn; Ctrl-C does.
int TuneAll(const std::vector<TuneJob>& jobs, const Cpu& cpu, TuneOutput output,
            const Interrupt& interrupt);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_JOBS_H_
