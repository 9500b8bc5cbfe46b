// Tunes one problem after another, with progress and reports.

#ifndef JITATTN_CLI_TUNE_JOBS_H_
#define JITATTN_CLI_TUNE_JOBS_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/tune_csv.h"
#include "cli/tune_report.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

struct TuneJob;

// Wraps the measurer that the tuner uses, and keeps all measurements.
class TuneRecorder {
 public:
  virtual ~TuneRecorder() = default;
  // The measurer to pass to the tuner in place of `measurer`. REQUIRES: `measurer` outlives it.
  virtual runtime::Measurer& Between(runtime::Measurer& measurer) = 0;
  // Writes the kept measurements. It is called after a failed or interrupted search too, since its
  // measurements took time. None if no point of the space was measured.
  virtual absl::StatusOr<std::optional<Recorded>> Write(const TuneJob& job) = 0;
};

struct TuneJob {
  ops::Problem problem;
  Cpu cpu;
  runtime::TuneOptions options;
  std::shared_ptr<TuneRecorder> recorder;  // null: none
};

struct TuneOutput {
  bool quiet = false;            // no progress, one line per problem
  bool json = false;             // print `document` at the end in place of text
  Json document;                 // TuneAll adds each job to its "problems"
  std::unique_ptr<TuneCsv> csv;  // gets every evaluation; null: no CSV
  // The time for all jobs together, shared evenly by those that are left; none: each has its own.
  std::optional<double> seconds_of_all = {};
};

// Prints that a signal ended the command, and returns the exit code for that signal.
int TellInterrupted();

// Runs the jobs in order and returns the exit code. A failed job does not stop the next ones; a
// signal does.
int TuneAll(const std::vector<TuneJob>& jobs, const Cpu& cpu, TuneOutput output,
            const Interrupt& interrupt);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_JOBS_H_
