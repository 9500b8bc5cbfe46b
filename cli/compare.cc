// jitattn compare: this library against other ways of doing the same, or search strategies against
// each other.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/compare_methods.h"
#include "cli/compare_report.h"
#include "cli/interrupt.h"
#include "cli/problem_flags.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "runtime/machine_flags.h"

namespace jitattn::cli {
namespace {

constexpr int kMaxRounds = 100000;

struct CompareFlags {
  ProblemFlags problem;
  CompareOptions options;
  std::vector<std::string> methods;  // empty: all
  std::string python;                // empty: python3
  std::string csv;
  bool json = false, quiet = false;
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
    methods.push_back({{"name", name},
                       {"version", known == nullptr ? Json(nullptr) : OrNull(known->version)},
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

int RunCompare(CompareFlags flags) {
  if (absl::Status status = CheckMethods(&flags); !status.ok()) return Fail(status);
  const auto problems = flags.problem.Problems();
  if (!problems.ok()) return Fail(problems.status());
  const auto cpu = flags.options.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
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
  constexpr const char* kGroup = "Comparison";
  compare
      ->add_option("--methods", flags->methods,
                   absl::StrCat("what to measure in turn (all): ",
                                absl::StrJoin(MethodNames(), ", ",
                                              [](std::string* out, std::string_view name) {
                                                out->append(name);
                                              })))
      ->delimiter(',')
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
          "--time", flags->options.contest.seconds,
          absl::StrCat("seconds for each problem, shared out among the methods: a slow one "
                       "has fewer samples (",
                       flags->options.contest.seconds, ")"))
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  compare->add_option("--seed", flags->options.seed, "of the operands (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  compare
      ->add_option("--python", flags->python,
                   "the Python whose NumPy, Numba and torch take part (python3)")
      ->type_name("PATH")
      ->group(kGroup);
  flags->options.machine.AddTo(compare);
  compare->add_option("--csv", flags->csv, "a line for each problem and method to FILE")
      ->type_name("FILE")
      ->group("Output");
  compare->add_flag("--quiet", flags->quiet, "no progress")->group("Output");
  compare->add_flag("--json", flags->json, "the rows as JSON (docs/json.md)")->group("Output");
  return {compare, [flags] { return RunCompare(*flags); }};
}

}  // namespace jitattn::cli
