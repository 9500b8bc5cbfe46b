// jitattn replay: judges search strategies on recorded spaces, without measuring anything.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/laboratory.h"
#include "cli/problem_flags.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "lab/commands.h"
#include "lab/recording_file.h"
#include "lab/replay/tournament.h"
#include "lab/replay_against.h"
#include "lab/replay_report.h"
#include "lab/strategy_names.h"

namespace jitattn::lab {
namespace {

constexpr int kMaxCount = 1000000;  // a larger count is taken for a mistake

struct ReplayFlags {
  std::vector<std::string> files;
  std::vector<std::string> strategies = {"all"};
  std::vector<int> budgets = {18, 36, 50, 100};
  int repeats = 200;
  uint64_t seed = 1;
  int threads = 0;
  bool seeds = false, noisy = false, own_time = false, json = false, quiet = false;
  std::string csv, curves, against;
};

void ShowProgress(int done, int all) {
  std::fprintf(stderr, "\r\033[K[%d/%d] strategies x files x budgets", done, all);
  if (done == all) std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

TournamentOptions Options(const ReplayFlags& flags, std::vector<std::string> strategies) {
  TournamentOptions options;
  options.strategies = std::move(strategies);
  options.budgets = flags.budgets;
  options.replay.repeats = flags.repeats;
  options.replay.seed = flags.seed;
  options.replay.noisy = flags.noisy;
  options.replay.seeds = flags.seeds;
  if (flags.own_time) {
    options.replay.clock = [] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
    };
  }
  options.threads = flags.threads > 0
                        ? flags.threads
                        : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.curves = flags.json || !flags.curves.empty();
  if (!flags.quiet && cli::IsTerminal(stderr)) options.progress = ShowProgress;
  return options;
}

int RunReplay(const ReplayFlags& flags) {
  auto strategies = StrategiesNamed(flags.strategies);
  if (!strategies.ok()) return cli::Fail(strategies.status());
  for (const auto& [flag, path] : {std::pair("--csv", flags.csv), {"--curves", flags.curves}}) {
    if (path.empty()) continue;
    if (absl::Status status = cli::CheckTextFile(flag, path); !status.ok())
      return cli::Fail(status);
  }
  std::deque<Recording> recordings;  // spaces refer to them
  Replayed replayed{.paths = flags.files,
                    .budgets = flags.budgets,
                    .repeats = flags.repeats,
                    .seed = flags.seed,
                    .seeds = flags.seeds,
                    .noisy = flags.noisy,
                    .own_time = flags.own_time};
  for (const std::string& path : flags.files) {
    absl::StatusOr<Recording> recording = ReadRecordingFile(path);
    if (!recording.ok()) return cli::Fail(recording.status());
    recordings.push_back(*std::move(recording));
    const auto space = ReplaySpace::Create(recordings.back());
    if (!space.ok()) {
      return cli::Fail(absl::DataLossError(absl::StrCat(path, ": ", space.status().message())));
    }
    replayed.spaces.push_back(*space);
  }
  TournamentOptions options = Options(flags, *std::move(strategies));
  if (!flags.against.empty()) {
    const absl::StatusOr<std::string> text = cli::ReadTextFile(flags.against);
    if (!text.ok()) return cli::Fail(text.status());
    auto outsiders = ReadOutsiders(*text, replayed.paths, replayed.spaces, replayed.budgets);
    if (!outsiders.ok()) {
      return cli::Fail(absl::DataLossError(
          absl::StrCat("--against ", flags.against, ": ", outsiders.status().message())));
    }
    options.outsiders = *std::move(outsiders);
  }
  auto tournament = RunTournament(replayed.spaces, options);
  if (!tournament.ok()) return cli::Fail(tournament.status());
  replayed.tournament = *std::move(tournament);
  if (!flags.csv.empty()) {
    absl::Status status = cli::WriteTextFile(flags.csv, ReplayCsv(replayed));
    if (!status.ok()) return cli::Fail(status);
  }
  if (!flags.curves.empty()) {
    absl::Status status = cli::WriteTextFile(flags.curves, ReplayCurvesCsv(replayed));
    if (!status.ok()) return cli::Fail(status);
  }
  if (flags.json) {
    cli::PrintJson(ReplayJson(replayed));
  } else {
    std::fputs(ReplayText(replayed).c_str(), stdout);
  }
  return cli::kDone;
}

}  // namespace

cli::Command AddReplay(CLI::App* app) {
  auto flags = std::make_shared<ReplayFlags>();
  CLI::App* replay = cli::AddLaboratoryCommand(app, "replay");
  replay
      ->add_option(
          "FILE", flags->files,
          "recordings, also .gz: by jitattn tune --record, Kernel Tuner's caches, T4 results")
      ->required()
      ->type_name("");
  constexpr const char* kGroup = "Replay";
  replay
      ->add_option("--strategies", flags->strategies,
                   "names as in jitattn tune --strategy, or all (all)")
      ->delimiter(',')
      ->type_name("A,B,...")
      ->group(kGroup);
  replay->add_option("--budgets", flags->budgets, "distinct evaluations (18,36,50,100)")
      ->delimiter(',')
      ->check(CLI::Validator(cli::WholeNumber(1, kMaxCount), ""))
      ->type_name("N,M,...")
      ->group(kGroup);
  replay->add_option("--repeats", flags->repeats, "runs of a strategy on a file (200)")
      ->check(CLI::Validator(cli::WholeNumber(1, kMaxCount), ""))
      ->type_name("N")
      ->group(kGroup);
  replay
      ->add_option("--seed", flags->seed,
                   "seed of the first run; the same seed gives the same tables (1)")
      ->check(CLI::Validator(cli::WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  replay
      ->add_flag("--seeds", flags->seeds,
                 "strategies begin with the first guesses that a recording marks, if any")
      ->group(kGroup);
  replay
      ->add_flag(
          "--noisy", flags->noisy,
          "a strategy sees one random sample of a point; its choice is judged by the point's "
          "time")
      ->group(kGroup);
  replay
      ->add_flag("--own-time", flags->own_time,
                 "scores include the strategies' own time, which varies even with the same seed")
      ->group(kGroup);
  replay->add_option("--threads", flags->threads, "threads to replay on (all)")
      ->check(CLI::Validator(cli::WholeNumber(1, 4096), ""))
      ->type_name("N")
      ->group(kGroup);
  replay
      ->add_option("--against", flags->against,
                   "other tuners' results on these files, as bench/kernel_tuner.py writes them")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group(kGroup);
  replay
      ->add_option("--curves", flags->curves,
                   "write the fraction of the optimum after each evaluation to FILE, as CSV")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  replay->add_option("--csv", flags->csv, "a line for each file, strategy and budget to FILE")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  replay->add_flag("--quiet", flags->quiet, "no progress")->group("Output");
  replay->add_flag("--json", flags->json, "the tables as JSON (docs/json.md)")->group("Output");
  return {replay, [flags] { return RunReplay(*flags); }};
}

}  // namespace jitattn::lab
