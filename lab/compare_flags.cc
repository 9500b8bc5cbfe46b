// The flags of `jitattn compare`, one function per group.

#include "lab/compare_flags.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/laboratory.h"
#include "lab/bench_presets.h"

namespace jitattn::lab {
namespace {

constexpr int kMaxRounds = 100000;

}  // namespace

void CompareFlags::AddTo(CLI::App* command) {
  AddProblems(command);
  AddMethods(command);
  AddStrategies(command);
  machine.AddTo(command);
  AddOutput(command);
}

void CompareFlags::AddProblems(CLI::App* command) {
  problem.AddTo(command);
  command->add_option("--preset", preset, "the problems of jitattn bench --preset NAME instead")
      ->check(CLI::Validator(cli::OneOf("preset", cli::PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
}

void CompareFlags::AddMethods(CLI::App* command) {
  constexpr const char* kGroup = "Comparison";
  command
      ->add_option("--methods", methods,
                   absl::StrCat("methods to measure in turn (all): ",
                                absl::StrJoin(MethodNames(), ", ",
                                              [](std::string* out, std::string_view name) {
                                                out->append(name);
                                              })))
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(cli::OneOf("method", MethodNames()), ""))
      ->type_name("A,B,...")
      ->group(kGroup);
  command
      ->add_option("--baseline", options.baseline,
                   "method that speed-ups are relative to (numpy if available, else two-pass)")
      ->check(CLI::Validator(cli::OneOf("method", MethodNames()), ""))
      ->type_name("METHOD")
      ->group(kGroup);
  command
      ->add_option("--rounds", options.contest.rounds,
                   absl::StrCat("samples of each method (", options.contest.rounds, ")"))
      ->check(CLI::Validator(cli::WholeNumber(1, kMaxRounds), ""))
      ->type_name("N")
      ->group(kGroup);
  command
      ->add_option(
          "--time", seconds,
          absl::StrCat("seconds for each problem, shared evenly by the methods: a slow one gets "
                       "fewer samples (",
                       options.contest.seconds,
                       "); with --strategies, for measuring the space (no limit)"))
      ->check(CLI::Validator(cli::PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  command->add_option("--seed", options.seed, "seed of the operands (1)")
      ->check(CLI::Validator(cli::WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  command->add_option("--python", python, "the Python to import packages with (python3)")
      ->type_name("PATH")
      ->group(kGroup);
}

void CompareFlags::AddStrategies(CLI::App* command) {
  constexpr const char* kGroup = "Comparison of strategies";
  command
      ->add_option(
          "--strategies", strategies,
          "compare these strategies (or all) on FILEs, or on the problem's space, which is "
          "first measured exhaustively")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("A,B,...")
      ->group(kGroup);
  command->add_option("FILE", files, "recordings, as written by jitattn tune --record")
      ->type_name("")
      ->group(kGroup);
  command->add_option("--budgets", budgets, "distinct evaluations (18,36)")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(cli::WholeNumber(1, 1000000), ""))
      ->type_name("N,M,...")
      ->group(kGroup);
  command->add_option("--runs", runs, "runs of a strategy on a space (100)")
      ->check(CLI::Validator(cli::WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kGroup);
  command
      ->add_flag("--noisy", noisy,
                 "a strategy sees one random sample of a point; always so without FILEs")
      ->group(kGroup);
  command
      ->add_option("--space", space, "without FILEs: the space to measure, small or full (small)")
      ->check(CLI::Validator(cli::OneOf("space", {"small", "full"}), ""))
      ->type_name("SPACE")
      ->group(kGroup);
  command
      ->add_option("--fields", fields,
                   "values of a field to try beside the default's, as in jitattn tune")
      ->type_name("FIELD=V1:V2,...")
      ->expected(1)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  command
      ->add_option("--record", record,
                   "without FILEs: write the measured space to FILE, as jitattn tune does")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group(kGroup);
}

void CompareFlags::AddOutput(CLI::App* command) {
  command->add_option("--csv", csv, "a line for each problem and method to FILE")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  command->add_flag("--quiet", quiet, "no progress")->group("Output");
  command->add_flag("--json", json, "the rows as JSON (docs/json.md)")->group("Output");
}

}  // namespace jitattn::lab
