// jitattn compare: this library against other ways of doing the same, or search strategies against
// each other.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/bench_presets.h"
#include "cli/command.h"
#include "cli/compare_methods.h"
#include "cli/compare_report.h"
#include "cli/compare_strategies.h"
#include "cli/interrupt.h"
#include "cli/problem_flags.h"
#include "cli/recording_file.h"
#include "cli/space_flags.h"
#include "cli/strategy_names.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "cli/tune_recording.h"
#include "runtime/machine_flags.h"
#include "search/tournament.h"

namespace jitattn::cli {
namespace {

constexpr int kMaxRounds = 100000;

struct CompareFlags {
  ProblemFlags problem;
  std::string preset;
  CompareOptions options;
  std::vector<std::string> methods;  // empty: all
  std::string python;                // empty: python3
  std::string csv;
  bool json = false, quiet = false;

  // The other comparison.
  std::vector<std::string> strategies, files, fields;
  std::vector<int> budgets = {18, 36};
  std::string space = "small", record;
  int runs = 100;
  double seconds = 0;  // of --time; 0: not given
  bool noisy = false;
};

absl::Status CheckMethods(CompareFlags* flags) {
  CompareOptions& options = flags->options;
  for (const std::string& method : flags->methods) {
    const bool known =
        std::find(options.methods.begin(), options.methods.end(), method) != options.methods.end();
    if (!known) options.methods.push_back(method);
  }
  if (flags->methods.empty()) {
    for (const std::string_view name : MethodNames()) options.methods.emplace_back(name);
  }
  const std::vector<std::string>& methods = options.methods;
  if (!options.baseline.empty() &&
      std::find(methods.begin(), methods.end(), options.baseline) == methods.end()) {
    return absl::InvalidArgumentError(absl::StrFormat("--baseline %s: it is not among --methods %s",
                                                      options.baseline,
                                                      absl::StrJoin(methods, ",")));
  }
  return absl::OkStatus();
}

void ShowProgress(size_t done, size_t all, const jit::Problem& problem) {
  std::fprintf(stderr, "\r\033[K[%zu/%zu] %s", done + 1, all, jit::Describe(problem).c_str());
  std::fflush(stderr);
}

std::string PeersText(const CompareOptions& options, const PythonSide& python) {
  std::vector<std::string> with;
  for (const std::string& method : options.methods) {
    if (const LinkedMethod* linked = FindLinked(method)) {
      with.push_back(absl::StrCat(method, " ", linked->version));
    }
    if (!IsPython(method)) continue;
    const PythonPeers::Method* known = python.Find(method);
    const std::string why = python.WhyNot(method);
    with.push_back(why.empty() ? absl::StrCat(method, " ", known->version)
                               : absl::StrCat("no ", method));
  }
  if (python.peers != nullptr) with.push_back("Python " + python.peers->version());
  return with.empty() ? "" : absl::StrCat("with ", absl::StrJoin(with, ", "), "\n");
}

Json MethodsJson(const CompareOptions& options, const PythonSide& python) {
  Json methods = Json::array();
  for (const std::string& name : options.methods) {
    const PythonPeers::Method* known = python.Find(name);
    const LinkedMethod* linked = FindLinked(name);
    const std::string version = known != nullptr    ? known->version
                                : linked != nullptr ? linked->version
                                                    : "";
    methods.push_back({{"name", name},
                       {"version", OrNull(version)},
                       {"missing", IsPython(name) ? OrNull(python.WhyNot(name)) : Json(nullptr)}});
  }
  return methods;
}

// jitattn's own wrong result is an error; a stranger's is a row of the table.
int ExitCode(const std::vector<CompareRow>& rows, bool interrupted) {
  for (const CompareRow& row : rows) {
    if (!row.standing.wrong || !row.method.starts_with("jitattn")) continue;
    return Fail(absl::InternalError(
        absl::StrFormat("%s, %s: %s", row.key.ToString(), row.method, row.standing.failure)));
  }
  return interrupted ? kInterrupted : kDone;
}

// Files, or the problems' spaces measured here and now.
absl::StatusOr<std::deque<NamedSpace>> Spaces(const CompareFlags& flags,
                                              const Interrupt& interrupt) {
  std::deque<NamedSpace> spaces;
  for (const std::string& path : flags.files) {
    auto recording = ReadRecordingFile(path);
    if (!recording.ok()) return recording.status();
    spaces.push_back({std::filesystem::path(path).filename(), *std::move(recording)});
  }
  if (!flags.files.empty()) return spaces;
  const auto problems = flags.problem.Problems();
  if (!problems.ok()) return problems.status();
  const MachineFlags& machine = flags.options.machine;
  const auto cpu = machine.Cpu();
  if (!cpu.ok()) return cpu.status();
  std::vector<jit::Op> ops;
  for (const jit::Problem& problem : *problems) ops.push_back(jit::OpOf(problem));
  for (const jit::Problem& problem : *problems) {
    const auto limits = LimitsOf(flags.space, flags.fields, jit::OpOf(problem), ops);
    if (!limits.ok()) return limits.status();
    LiveOptions live = {.threads = machine.Threads(),
                        .buffers = machine.Buffers(),
                        .seed = flags.options.seed,
                        .quiet = flags.quiet,
                        .stop = &interrupt.stop()};
    if (flags.seconds > 0) live.seconds = flags.seconds;
    auto space = MeasureSpace(problem, *cpu, *limits, live);
    if (!space.ok()) return space.status();
    if (space->left_out > 0) {
      const int measured = space->recording.space.size();
      std::fprintf(stderr, "%s: %d of %d points in %g s; strategies search those\n",
                   space->name.c_str(), measured, measured + space->left_out, flags.seconds);
    }
    if (!flags.record.empty()) {
      const cache::Key key = cache::MakeKey(problem, live.threads, cpu->isa, live.buffers);
      absl::Status status =
          WriteTextFile(RecordingPath(flags.record, key.ToString(), problems->size() > 1),
                        search::WriteKernelTunerCache(space->recording));
      if (!status.ok()) return status;
    }
    spaces.push_back(*std::move(space));
  }
  return spaces;
}

// As the flags describe them, or a preset's, each once: its threads are the methods' to choose, and
// sizes that are there for a cliff are compared with their neighbours only.
absl::StatusOr<std::vector<jit::Problem>> Problems(const CompareFlags& flags, const jit::Cpu& cpu) {
  if (flags.preset.empty()) return flags.problem.Problems();
  if (const std::string_view given = flags.problem.AnyFlag(); !given.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(given), " says nothing to --preset ",
                                                   flags.preset, ", which has its own problems"));
  }
  std::vector<jit::Problem> problems;
  for (const BenchCase& one :
       MakePreset(flags.preset, cpu, flags.options.machine.Threads()).cases) {
    const bool known = std::find(problems.begin(), problems.end(), one.problem) != problems.end();
    if (one.isa == cpu.isa && one.line >= 0 && !known) problems.push_back(one.problem);
  }
  return problems;
}

int RunCompareStrategies(const CompareFlags& flags) {
  auto strategies = StrategiesNamed(flags.strategies);
  if (!strategies.ok()) return Fail(strategies.status());
  if (!flags.csv.empty()) {
    if (absl::Status status = CheckTextFile("--csv", flags.csv); !status.ok()) return Fail(status);
  }
  if (!flags.record.empty()) {
    if (!flags.files.empty()) {
      return Fail(absl::InvalidArgumentError(
          absl::StrFormat("--record %s: %s is recorded already", flags.record, flags.files[0])));
    }
    absl::Status status = CheckTextFile("--record", flags.record);
    if (!status.ok()) return Fail(status);
  }
  const Interrupt interrupt;
  const auto spaces = Spaces(flags, interrupt);
  if (absl::IsCancelled(spaces.status())) {
    Fail(spaces.status());
    return kInterrupted;
  }
  if (!spaces.ok()) return Fail(spaces.status());
  search::TournamentOptions options;
  options.strategies = *std::move(strategies);
  options.budgets = flags.budgets;
  options.replay.repeats = flags.runs;
  options.replay.seed = flags.options.seed;
  // On a machine a search sees noise; a recording is what was seen of it.
  options.replay.noisy = flags.noisy || flags.files.empty();
  options.threads = flags.options.machine.Threads();
  const auto table = CompareStrategies(*spaces, options);
  if (!table.ok()) return Fail(table.status());
  if (!flags.csv.empty()) {
    absl::Status status = WriteTextFile(flags.csv, StrategiesCsv(*table));
    if (!status.ok()) return Fail(status);
  }
  if (flags.json) {
    Json json = JsonHead("compare");
    json["seed"] = flags.options.seed;
    json["noisy"] = options.replay.noisy;
    json.update(StrategiesJson(*table));
    PrintJson(json);
  } else {
    std::fputs(StrategiesText(*table).c_str(), stdout);
  }
  return kDone;
}

int RunCompare(CompareFlags flags) {
  if (flags.seconds > 0) flags.options.contest.seconds = flags.seconds;
  if (!flags.strategies.empty()) return RunCompareStrategies(flags);
  if (!flags.record.empty()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrFormat("--record %s: only --strategies measures a space", flags.record)));
  }
  if (!flags.files.empty()) {
    return Fail(absl::InvalidArgumentError(absl::StrFormat(
        "%s: recorded spaces are for --strategies; methods need a problem", flags.files[0])));
  }
  if (absl::Status status = CheckMethods(&flags); !status.ok()) return Fail(status);
  const auto cpu = flags.options.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
  const auto problems = Problems(flags, *cpu);
  if (!problems.ok()) return Fail(problems.status());
  if (!flags.csv.empty()) {
    if (absl::Status status = CheckTextFile("--csv", flags.csv); !status.ok()) return Fail(status);
  }
  const std::string python = flags.python.empty() ? "python3" : flags.python;
  PythonSide side = StartPython(python, flags.options.methods);
  // What was named must be there; what is merely looked for need not.
  if (!flags.python.empty() && side.peers == nullptr && !side.error.empty()) {
    return Fail(absl::NotFoundError(absl::StrCat("--python ", flags.python, ": ", side.error)));
  }

  const Interrupt interrupt;
  const runtime::MachineWatch watch;
  flags.options.contest.stop = &interrupt.stop();
  const bool as_text = !flags.json, progress = !flags.quiet && IsTerminal(stderr);
  if (as_text) {
    std::printf("%s\n%s", Bold(cpu->brand, stdout).c_str(), PeersText(flags.options, side).c_str());
  }
  std::vector<CompareRow> rows;
  for (size_t i = 0; i < problems->size() && !interrupt.stop(); ++i) {
    if (progress) ShowProgress(i, problems->size(), (*problems)[i]);
    auto measured = CompareMethods((*problems)[i], flags.options, side);
    if (progress) std::fputs("\r\033[K", stderr);
    if (!measured.ok()) return Fail(measured.status());
    rows.insert(rows.end(), measured->begin(), measured->end());
    if (as_text) {
      std::printf("\n%s\n%s", Bold(jit::Describe((*problems)[i]), stdout).c_str(),
                  CompareText(*measured).c_str());
      std::fflush(stdout);
    }
    if (flags.csv.empty()) continue;
    absl::Status status = WriteTextFile(flags.csv, CompareCsv(rows));
    if (!status.ok()) return Fail(status);
  }
  const std::vector<std::string> beware = watch.Flags();
  if (as_text) {
    const std::string summary = SummaryText(rows), marks = MarksText(rows);
    std::printf("%s%s%s%s", summary.empty() ? "" : "\n", summary.c_str(), marks.empty() ? "" : "\n",
                marks.c_str());
    if (!beware.empty()) std::printf("\nbeware: %s\n", absl::StrJoin(beware, ", ").c_str());
  } else {
    Json json = JsonHead("compare");
    json["brand"] = cpu->brand;
    json["machine_flags"] = beware;
    json["python"] = side.peers == nullptr ? Json(nullptr) : OrNull(side.peers->version());
    json["methods"] = MethodsJson(flags.options, side);
    json["rounds"] = flags.options.contest.rounds;
    json["rows"] = CompareJson(rows);
    json["interrupted"] = interrupt.stop().load();
    PrintJson(json);
  }
  return ExitCode(rows, interrupt.stop());
}

}  // namespace

Command AddCompare(CLI::App* app) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* compare = app->add_subcommand(
      "compare", "Measure problems against other ways of doing the same (docs/compare.md)");
  flags->problem.AddTo(compare);
  compare
      ->add_option("--preset", flags->preset, "the problems of jitattn bench --preset NAME instead")
      ->check(CLI::Validator(OneOf("preset", PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
  constexpr const char* kGroup = "Comparison";
  compare
      ->add_option("--methods", flags->methods,
                   absl::StrCat("what to measure in turn (all): ",
                                absl::StrJoin(MethodNames(), ", ",
                                              [](std::string* out, std::string_view name) {
                                                out->append(name);
                                              })))
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(OneOf("method", MethodNames()), ""))
      ->type_name("A,B,...")
      ->group(kGroup);
  compare
      ->add_option("--baseline", flags->options.baseline,
                   "what speed-ups are over (numpy where there is one, else two-pass)")
      ->check(CLI::Validator(OneOf("method", MethodNames()), ""))
      ->type_name("METHOD")
      ->group(kGroup);
  compare
      ->add_option("--rounds", flags->options.contest.rounds,
                   absl::StrCat("samples of each (", flags->options.contest.rounds, ")"))
      ->check(CLI::Validator(WholeNumber(1, kMaxRounds), ""))
      ->type_name("N")
      ->group(kGroup);
  compare
      ->add_option(
          "--time", flags->seconds,
          absl::StrCat("seconds for each problem, shared out among the methods: a slow one "
                       "has fewer samples (",
                       flags->options.contest.seconds,
                       "); with --strategies, for measuring its space (no limit)"))
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  compare->add_option("--seed", flags->options.seed, "of the operands (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  compare->add_option("--python", flags->python, "the Python whose packages take part (python3)")
      ->type_name("PATH")
      ->group(kGroup);
  constexpr const char* kSearch = "Comparison of strategies";
  compare
      ->add_option("--strategies", flags->strategies,
                   "compare these searches (all: every one) on FILEs, or on the problem's space, "
                   "which is measured whole first")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("A,B,...")
      ->group(kSearch);
  compare->add_option("FILE", flags->files, "recordings, as of jitattn tune --record")
      ->type_name("")
      ->group(kSearch);
  compare->add_option("--budgets", flags->budgets, "distinct evaluations (18,36)")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N,M,...")
      ->group(kSearch);
  compare->add_option("--runs", flags->runs, "of a strategy on a space (100)")
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kSearch);
  compare
      ->add_flag("--noisy", flags->noisy,
                 "a strategy sees one sample of a point, as it always does without FILEs")
      ->group(kSearch);
  compare->add_option("--space", flags->space, "without FILEs: small or full (small)")
      ->check(CLI::Validator(OneOf("space", {"small", "full"}), ""))
      ->type_name("SPACE")
      ->group(kSearch);
  compare
      ->add_option("--fields", flags->fields,
                   "values that a field may take, and the default's, as of jitattn tune")
      ->type_name("FIELD=V1:V2,...")
      ->expected(1)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kSearch);
  compare
      ->add_option("--record", flags->record,
                   "without FILEs: what was measured of the space to FILE, as jitattn tune does")
      ->type_name("FILE")
      ->group(kSearch);
  flags->options.machine.AddTo(compare);
  compare->add_option("--csv", flags->csv, "a line for each problem and method to FILE")
      ->type_name("FILE")
      ->group("Output");
  compare->add_flag("--quiet", flags->quiet, "no progress")->group("Output");
  compare->add_flag("--json", flags->json, "the rows as JSON (docs/json.md)")->group("Output");
  return {compare, [flags] { return RunCompare(*flags); }};
}

}  // namespace jitattn::cli
