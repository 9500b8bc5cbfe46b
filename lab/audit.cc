// jitattn audit: does the tuner keep its promises on this machine?

#include "lab/measuring/audit.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/interrupt.h"
#include "cli/laboratory.h"
#include "cli/problem_flags.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "lab/audit_cases.h"
#include "lab/audit_report.h"
#include "lab/commands.h"
#include "runtime/machine_flags.h"

namespace jitattn::lab {
namespace {

constexpr double kAllSeconds = 600;
// With less time than this, a problem is skipped: reference, default and races alone take as long.
constexpr double kLeastSeconds = 3;

// Few samples are enough for the points of the space, since the best few points are timed again.
constexpr int kBriefSamples = 3, kBriefMaxSamples = 7;

struct AuditFlags {
  cli::ProblemFlags problem;
  cli::MachineFlags machine;
  int runs = 0;
  double seconds = kAllSeconds;
  int evaluations = runtime::TuneOptions().evaluations;
  uint64_t seed = 1;
  std::string csv;
  bool quiet = false, json = false;
};

absl::StatusOr<std::vector<AuditCase>> Cases(const AuditFlags& flags, const cli::Machine& machine) {
  const cli::ProblemFlags& p = flags.problem;
  const Cpu& cpu = machine.cpu;
  const int threads = machine.conditions.threads;
  if (p.AnyFlag().empty()) return AuditCases(cpu, threads);
  const auto problems = p.Problems();
  if (!problems.ok()) return problems.status();
  std::vector<AuditCase> cases;
  for (const ops::Problem& problem : *problems) cases.push_back({problem, cpu.isa, threads});
  return cases;
}

class Auditor {
 public:
  Auditor(const AuditFlags& flags, const cli::Machine& machine)
      : flags_(flags), machine_(machine) {}

  // Audits the cases. Each problem gets an equal share of the remaining time.
  Audited Run(const std::vector<AuditCase>& cases) {
    const cli::Interrupt interrupt;
    const runtime::MachineWatch watch;
    const auto start = std::chrono::steady_clock::now();
    auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    Audited audited;
    for (size_t i = 0; i < cases.size() && !interrupt.stop(); ++i) {
      const double share = (flags_.seconds - elapsed()) / static_cast<double>(cases.size() - i);
      const std::string name =
          absl::StrCat(ops::Describe(cases[i].problem), ", ", std::string(Name(cases[i].isa)), ", ",
                       cases[i].threads, " threads");
      absl::Status status = absl::DeadlineExceededError("no time was left for this problem");
      if (share >= kLeastSeconds) {
        status = One(cases[i], share, interrupt, absl::StrCat(i + 1, "/", cases.size(), " ", name),
                     &audited);
      }
      if (status.ok()) audited.cases.push_back(cases[i]);
      if (status.ok() || interrupt.stop()) continue;
      audited.skipped.push_back(absl::StrCat(name, ": ", std::string(status.message())));
    }
    if (drawn_) std::fputs("\r\033[K", stderr);
    audited.interrupted = interrupt.stop();
    audited.seconds = elapsed();
    audited.machine_flags = watch.Flags();
    return audited;
  }

 private:
  absl::Status One(const AuditCase& one, double seconds, const cli::Interrupt& interrupt,
                   const std::string& name, Audited* audited) {
    const Cpu cpu = Capped(machine_.cpu, one.isa);
    const ops::Conditions conditions =
        ops::Resolve({.threads = one.threads, .buffers = machine_.conditions.buffers}, cpu);
    AuditOptions options{.seconds = seconds};
    options.tune.conditions = conditions;
    options.tune.evaluations = flags_.evaluations;
    options.tune.seed = flags_.seed;
    options.tune.stop = &interrupt.stop();
    const runtime::MeasureOptions patient = {.conditions = conditions, .seed = flags_.seed};
    auto measurer = runtime::MakeMeasurer(one.problem, cpu, patient);
    if (!measurer.ok()) return measurer.status();
    auto progress = [&](const std::string& where) { Progress(name + ": " + where); };
    if (flags_.runs > 0) {
      auto repeats = AuditRepeats(one.problem, cpu, options, flags_.runs, **measurer, progress);
      if (repeats.ok()) audited->repeats.push_back(*std::move(repeats));
      return repeats.status();
    }
    runtime::MeasureOptions brief = patient;
    brief.min_samples = kBriefSamples;
    brief.max_samples = kBriefMaxSamples;
    auto brief_measurer = runtime::MakeMeasurer(one.problem, cpu, brief);
    if (!brief_measurer.ok()) return brief_measurer.status();
    auto loss = AuditLoss(one.problem, cpu, options, **brief_measurer, **measurer, progress);
    if (loss.ok()) audited->losses.push_back(*std::move(loss));
    return loss.status();
  }

  // Prints a line of progress; on a terminal, over the previous one.
  void Progress(const std::string& line) {
    if (flags_.quiet) return;
    const bool terminal = cli::IsTerminal(stderr);
    drawn_ |= terminal;
    std::fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", line.c_str());
    std::fflush(stderr);
  }

  const AuditFlags& flags_;
  const cli::Machine& machine_;
  bool drawn_ = false;
};

int RunAudit(const AuditFlags& flags) {
  const auto machine = flags.machine.Resolve();
  if (!machine.ok()) return cli::Fail(machine.status());
  const auto cases = Cases(flags, *machine);
  if (!cases.ok()) return cli::Fail(cases.status());
  if (!flags.csv.empty()) {
    if (absl::Status status = cli::CheckTextFile("--csv", flags.csv); !status.ok())
      return cli::Fail(status);
  }
  const Audited audited = Auditor(flags, *machine).Run(*cases);
  if (flags.json) {
    cli::PrintJson(AuditJson(audited));
  } else {
    std::fputs(AuditText(audited).c_str(), stdout);
  }
  if (!flags.csv.empty()) {
    absl::Status status = cli::WriteTextFile(flags.csv, AuditCsv(audited));
    if (!status.ok()) return cli::Fail(status);
  }
  if (audited.interrupted) return cli::Interrupt::exit_code();
  // An audit without cases proves no claim, so it fails.
  return audited.Fails() || audited.cases.empty() ? cli::kFailed : cli::kDone;
}

}  // namespace

cli::Command AddAudit(CLI::App* app) {
  auto flags = std::make_shared<AuditFlags>();
  CLI::App* audit = cli::AddLaboratoryCommand(app, "audit");
  flags->problem.AddTo(audit);
  constexpr const char* kGroup = "Audit";
  audit
      ->add_option("--runs", flags->runs,
                   "instead, tune each problem N times from scratch and compare the winners")
      ->check(CLI::Validator(cli::WholeNumber(2, 1000), ""))
      ->type_name("N")
      ->group(kGroup);
  audit
      ->add_option("--time", flags->seconds,
                   absl::StrCat("seconds for all problems together (", kAllSeconds, ")"))
      ->check(CLI::Validator(cli::PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  audit
      ->add_option("--evaluations", flags->evaluations,
                   absl::StrCat("evaluations of a tuning (", flags->evaluations, ")"))
      ->check(CLI::Validator(cli::WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kGroup);
  audit->add_option("--seed", flags->seed, "seed of the strategy and of the operands (1)")
      ->check(CLI::Validator(cli::WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  flags->machine.AddTo(audit);
  audit->add_option("--csv", flags->csv, "the table to FILE")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  audit->add_flag("--quiet", flags->quiet, "no progress")->group("Output");
  audit->add_flag("--json", flags->json, "the report as JSON (docs/json.md)")->group("Output");
  audit->footer(
      "Without a problem, a list of problems of both operations, in several types and sizes, is "
      "audited. The cache is neither read nor written.");
  return {audit, [flags] { return RunAudit(*flags); }};
}

}  // namespace jitattn::lab
