// The tuning of one problem after another, with progress and reports.

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

// Stands between the tuner and the measurer, and keeps everything that is measured.
class TuneRecorder {
 public:
  virtual ~TuneRecorder() = default;
  // The measurer that the tuner gets in place of `measurer`, which outlives it.
  virtual runtime::Measurer& Between(runtime::Measurer& measurer) = 0;
  // Writes what was kept, also after a search that failed or was interrupted: what was measured
  // took its time. None where nothing of the space was measured.
  virtual absl::StatusOr<std::optional<Recorded>> Write(const TuneJob& job) = 0;
};

struct TuneJob {
  ops::Problem problem;
  Cpu cpu;
  runtime::TuneOptions options;
  std::shared_ptr<TuneRecorder> recorder;  // null: none
};

struct TuneOutput {
  bool quiet = false;            // no progress, a line a problem
  bool json = false;             // `document` at the end instead of text
  Json document;                 // what was found out before; each job adds to its "problems"
  std::unique_ptr<TuneCsv> csv;  // every evaluation goes there; null: none is wanted
};

// Says that a signal ended the command, and returns its exit code.
int TellInterrupted();

// Returns the exit code. A failed job does not keep the next from its turn; Ctrl-C does.
int TuneAll(const std::vector<TuneJob>& jobs, const Cpu& cpu, TuneOutput output,
            const Interrupt& interrupt);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_JOBS_H_
