// `jitattn tune`, and its parts that the laboratory uses for its own flags of tune.

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

// Adds `tune`. If TuneFlags::WantLaboratory() is true, `laboratory` runs instead of an ordinary
// tuning and returns the exit code.
Command AddTune(CLI::App* app, std::function<int(const TuneFlags&)> laboratory);

// The flags, and the values derived from them.
struct TuneRequest {
  TuneFlags flags;
  std::vector<ops::Problem> problems;  // from the flags; none with --preset, --stale, --from
  Cpu cpu;                             // capped by --isa
  runtime::TuneOptions options;        // for every problem; without limits of the space

  // A copy with other conditions and with the CPU capped to `isa`.
  TuneRequest Under(const ops::RequestedConditions& conditions, Isa isa) const;
};

// InvalidArgument if flags contradict each other. FailedPrecondition if this machine allows no
// tuning or no record could be saved.
absl::StatusOr<TuneRequest> ReadTuneRequest(TuneFlags flags);

// One job for each of `problems`, in the space that the flags name.
absl::StatusOr<std::vector<TuneJob>> Jobs(const TuneRequest& request,
                                          const std::vector<ops::Problem>& problems);

// The output that the flags ask for; opens the file of --csv.
absl::StatusOr<TuneOutput> OpenTuneOutput(const TuneFlags& flags);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_H_
