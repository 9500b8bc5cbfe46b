// jitattn compare: compares this library with other implementations, or search strategies with each
// other.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/interrupt.h"
#include "cli/laboratory.h"
#include "cli/problem_flags.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "lab/bench_presets.h"
#include "lab/commands.h"
#include "lab/compare_flags.h"
#include "lab/compare_methods.h"
#include "lab/compare_report.h"
#include "lab/compare_searches.h"
#include "runtime/machine_flags.h"

namespace jitattn::lab {
namespace {

// Refuses flags that need --strategies, and fills in the methods.
absl::Status SettleMethods(CompareFlags* flags) {
  if (!flags->record.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--record %s has no effect without --strategies", flags->record));
  }
  if (!flags->files.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "unexpected word '%s': recorded spaces belong to --strategies, and methods need a problem",
        flags->files[0]));
  }
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
    return absl::InvalidArgumentError(absl::StrFormat(
        "--baseline %s is not among --methods %s", options.baseline, absl::StrJoin(methods, ",")));
  }
  return absl::OkStatus();
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

cli::Json MethodsJson(const CompareOptions& options, const PythonSide& python) {
  cli::Json methods = cli::Json::array();
  for (const std::string& name : options.methods) {
    const PythonPeers::Method* known = python.Find(name);
    const LinkedMethod* linked = FindLinked(name);
    const std::string version = known != nullptr    ? known->version
                                : linked != nullptr ? linked->version
                                                    : "";
    methods.push_back(
        {{"name", name},
         {"version", cli::OrNull(version)},
         {"missing", IsPython(name) ? cli::OrNull(python.WhyNot(name)) : cli::Json(nullptr)}});
  }
  return methods;
}

// A wrong result of jitattn is an error. A wrong result of another method is only shown in the
// table.
int ExitCode(const std::vector<CompareRow>& rows, bool interrupted) {
  for (const CompareRow& row : rows) {
    if (!row.standing.wrong || !row.method.starts_with("jitattn")) continue;
    return cli::Fail(absl::InternalError(
        absl::StrFormat("%s, %s: %s", row.key.ToString(), row.method, row.standing.failure)));
  }
  return interrupted ? cli::Interrupt::exit_code() : cli::kDone;
}

// Returns the flags' problems, or the distinct problems of the preset's lines. The preset's thread
// counts are ignored, since each method finds its own. Problems of no line are left out, such as
// neighbours of odd sizes.
absl::StatusOr<std::vector<ops::Problem>> Problems(const CompareFlags& flags) {
  if (flags.preset.empty()) return flags.problem.Problems();
  if (const std::string_view given = flags.problem.AnyFlag(); !given.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(given),
                                                   " has no effect on --preset ", flags.preset,
                                                   ", which has its own problems"));
  }
  const auto& [cpu, conditions] = flags.options.machine;
  std::vector<ops::Problem> problems;
  for (const BenchCase& one : MakePreset(flags.preset, cpu, conditions.threads).cases) {
    const bool known = std::find(problems.begin(), problems.end(), one.problem) != problems.end();
    if (one.isa == cpu.isa && one.line >= 0 && !known) problems.push_back(one.problem);
  }
  return problems;
}

// Starts Python. A failure is an error only if --python was given.
absl::StatusOr<PythonSide> PythonOf(const CompareFlags& flags) {
  PythonSide side =
      StartPython(flags.python.empty() ? "python3" : flags.python, flags.options.methods);
  if (!flags.python.empty() && side.peers == nullptr && !side.error.empty()) {
    return absl::NotFoundError(absl::StrCat("--python ", flags.python, ": ", side.error));
  }
  return side;
}

// Measures the problems until interrupted. Prints each problem's table as soon as it is complete.
absl::StatusOr<std::vector<CompareRow>> MeasureAll(const std::vector<ops::Problem>& problems,
                                                   const CompareFlags& flags, PythonSide& python,
                                                   const cli::Interrupt& interrupt) {
  const bool progress = !flags.quiet && cli::IsTerminal(stderr);
  std::vector<CompareRow> rows;
  for (size_t i = 0; i < problems.size() && !interrupt.stop(); ++i) {
    if (progress) cli::ShowPlace(i, problems.size(), problems[i]);
    auto measured = CompareMethods(problems[i], flags.options, python);
    if (progress) std::fputs("\r\033[K", stderr);
    if (!measured.ok()) return measured.status();
    rows.insert(rows.end(), measured->begin(), measured->end());
    if (!flags.json) {
      std::printf("\n%s\n%s", cli::Bold(ops::Describe(problems[i]), stdout).c_str(),
                  CompareText(*measured).c_str());
      std::fflush(stdout);
    }
    if (flags.csv.empty()) continue;
    absl::Status status = cli::WriteTextFile(flags.csv, CompareCsv(rows));
    if (!status.ok()) return status;
  }
  return rows;
}

void PrintEnd(const std::vector<CompareRow>& rows, const std::vector<std::string>& beware) {
  const std::string summary = SummaryText(rows), marks = MarksText(rows);
  std::printf("%s%s%s%s", summary.empty() ? "" : "\n", summary.c_str(), marks.empty() ? "" : "\n",
              marks.c_str());
  if (!beware.empty()) std::printf("\nwarning: %s\n", absl::StrJoin(beware, ", ").c_str());
}

int RunCompareMethods(CompareFlags flags) {
  if (absl::Status status = SettleMethods(&flags); !status.ok()) return cli::Fail(status);
  const auto problems = Problems(flags);
  if (!problems.ok()) return cli::Fail(problems.status());
  if (!flags.csv.empty()) {
    if (absl::Status status = cli::CheckTextFile("--csv", flags.csv); !status.ok())
      return cli::Fail(status);
  }
  auto python = PythonOf(flags);
  if (!python.ok()) return cli::Fail(python.status());

  const cli::Interrupt interrupt;
  const runtime::MachineWatch watch;
  flags.options.contest.stop = &interrupt.stop();
  if (!flags.json) {
    std::printf("%s\n%s", cli::Bold(flags.options.machine.cpu.brand, stdout).c_str(),
                PeersText(flags.options, *python).c_str());
  }
  const auto rows = MeasureAll(*problems, flags, *python, interrupt);
  if (!rows.ok()) return cli::Fail(rows.status());
  const std::vector<std::string> beware = watch.Flags();
  if (!flags.json) {
    PrintEnd(*rows, beware);
  } else {
    cli::Json json = cli::JsonHead("compare");
    json["brand"] = flags.options.machine.cpu.brand;
    json["machine_flags"] = beware;
    json["python"] =
        python->peers == nullptr ? cli::Json(nullptr) : cli::OrNull(python->peers->version());
    json["methods"] = MethodsJson(flags.options, *python);
    json["rounds"] = flags.options.contest.rounds;
    json["rows"] = CompareJson(*rows);
    json["interrupted"] = interrupt.stop().load();
    cli::PrintJson(json);
  }
  return ExitCode(*rows, interrupt.stop());
}

int RunCompare(CompareFlags flags) {
  if (flags.seconds > 0) flags.options.contest.seconds = flags.seconds;
  auto machine = flags.machine.Resolve();
  if (!machine.ok()) return cli::Fail(machine.status());
  flags.options.machine = *std::move(machine);
  return flags.strategies.empty() ? RunCompareMethods(std::move(flags))
                                  : RunCompareStrategies(flags);
}

}  // namespace

cli::Command AddCompare(CLI::App* app) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* compare = cli::AddLaboratoryCommand(app, "compare");
  flags->AddTo(compare);
  return {compare, [flags] { return RunCompare(*flags); }};
}

}  // namespace jitattn::lab
