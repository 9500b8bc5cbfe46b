// The command `jitattn compare --strategies`.

#include "lab/compare_searches.h"

#include <cstdio>
#include <deque>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/space_flags.h"
#include "cli/text_file.h"
#include "lab/compare_strategies.h"
#include "lab/recording_file.h"
#include "lab/replay/tournament.h"
#include "lab/strategy_names.h"
#include "lab/tune_recording.h"

namespace jitattn::lab {
namespace {

absl::StatusOr<std::deque<NamedSpace>> ReadSpaces(const std::vector<std::string>& paths) {
  std::deque<NamedSpace> spaces;
  for (const std::string& path : paths) {
    auto recording = ReadRecordingFile(path);
    if (!recording.ok()) return recording.status();
    spaces.push_back({std::filesystem::path(path).filename(), *std::move(recording)});
  }
  return spaces;
}

// Measures the spaces of the problems, and writes them to --record if it was given.
absl::StatusOr<std::deque<NamedSpace>> MeasureSpaces(const CompareFlags& flags,
                                                     const cli::Interrupt& interrupt) {
  const auto problems = flags.problem.Problems();
  if (!problems.ok()) return problems.status();
  const auto& [cpu, conditions] = flags.options.machine;
  std::deque<NamedSpace> spaces;
  std::vector<const ops::Operation*> operations;
  for (const ops::Problem& problem : *problems) operations.push_back(&problem.operation());
  for (const ops::Problem& problem : *problems) {
    const auto limits = cli::LimitsOf(flags.space, flags.fields, problem.operation(), operations);
    if (!limits.ok()) return limits.status();
    LiveOptions live = {.conditions = conditions,
                        .seed = flags.options.seed,
                        .quiet = flags.quiet,
                        .stop = &interrupt.stop()};
    if (flags.seconds > 0) live.seconds = flags.seconds;
    auto space = MeasureSpace(problem, cpu, *limits, live);
    if (!space.ok()) return space.status();
    if (space->left_out > 0) {
      const int measured = space->recording.space.size();
      std::fprintf(stderr, "%s: measured %d of %d points in %g s; strategies search only these\n",
                   space->name.c_str(), measured, measured + space->left_out, flags.seconds);
    }
    if (!flags.record.empty()) {
      const cache::Key key = cache::MakeKey(problem, conditions);
      absl::Status status =
          cli::WriteTextFile(RecordingPath(flags.record, key.ToString(), problems->size() > 1),
                             WriteKernelTunerCache(space->recording));
      if (!status.ok()) return status;
    }
    spaces.push_back(*std::move(space));
  }
  return spaces;
}

absl::Status CheckFiles(const CompareFlags& flags) {
  if (!flags.csv.empty()) {
    if (absl::Status status = cli::CheckTextFile("--csv", flags.csv); !status.ok()) return status;
  }
  if (flags.record.empty()) return absl::OkStatus();
  if (!flags.files.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--record %s has no effect on %s, which is a recording", flags.record, flags.files[0]));
  }
  return cli::CheckTextFile("--record", flags.record);
}

TournamentOptions Options(const CompareFlags& flags, std::vector<std::string> strategies) {
  TournamentOptions options;
  options.strategies = std::move(strategies);
  options.budgets = flags.budgets;
  options.replay.repeats = flags.runs;
  options.replay.seed = flags.options.seed;
  // Without recordings, strategies see single samples, as on a real machine.
  options.replay.noisy = flags.noisy || flags.files.empty();
  options.threads = flags.options.machine.conditions.threads;
  return options;
}

}  // namespace

int RunCompareStrategies(const CompareFlags& flags) {
  auto strategies = StrategiesNamed(flags.strategies);
  if (!strategies.ok()) return cli::Fail(strategies.status());
  if (absl::Status status = CheckFiles(flags); !status.ok()) return cli::Fail(status);
  const cli::Interrupt interrupt;
  const auto spaces =
      flags.files.empty() ? MeasureSpaces(flags, interrupt) : ReadSpaces(flags.files);
  if (absl::IsCancelled(spaces.status())) {
    cli::Fail(spaces.status());
    return cli::Interrupt::exit_code();
  }
  if (!spaces.ok()) return cli::Fail(spaces.status());
  const TournamentOptions options = Options(flags, *std::move(strategies));
  const auto table = CompareStrategies(*spaces, options);
  if (!table.ok()) return cli::Fail(table.status());
  if (!flags.csv.empty()) {
    absl::Status status = cli::WriteTextFile(flags.csv, StrategiesCsv(*table));
    if (!status.ok()) return cli::Fail(status);
  }
  if (flags.json) {
    cli::Json json = cli::JsonHead("compare");
    json["seed"] = flags.options.seed;
    json["noisy"] = options.replay.noisy;
    json.update(StrategiesJson(*table));
    cli::PrintJson(json);
  } else {
    std::fputs(StrategiesText(*table).c_str(), stdout);
  }
  return cli::kDone;
}

}  // namespace jitattn::lab
