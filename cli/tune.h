// The parts of `jitattn tune` that its flags of the laboratory use too.

#ifndef JITATTN_CLI_TUNE_H_
#define JITATTN_CLI_TUNE_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cli/command.h"
#include "cli/tune_flags.h"
#include "cli/tune_jobs.h"
#include "ops/conditions.h"
#include "ops/problem.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

// `laboratory` does what the flags of the laboratory ask for (TuneFlags::WantLaboratory), and
// returns the exit code.
Command AddTune(CLI::App* app, std::function<int(const TuneFlags&)> laboratory);

// The flags, and what follows from them.
struct TuneRequest {
  TuneFlags flags;
  std::vector<ops::Problem> problems;  // of the flags; none with --preset and --stale
  Cpu cpu;                             // as --isa caps it
  runtime::TuneOptions options;        // of every problem, but for its limits

  // The same under other conditions, with at most `isa`.
  TuneRequest Under(const ops::RequestedConditions& conditions, Isa isa) const;
};

// An error where flags do not go together, and where nothing can be tuned or saved here.
absl::StatusOr<TuneRequest> ReadTuneRequest(TuneFlags flags);

// A job for each of `problems`, in the space that the flags name.
absl::StatusOr<std::vector<TuneJob>> Jobs(const TuneRequest& request,
                                          const std::vector<ops::Problem>& problems);

// Where the report goes; opens the file of --csv.
absl::StatusOr<TuneOutput> OpenTuneOutput(const TuneFlags& flags);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_H_
