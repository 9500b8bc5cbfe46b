// The flags of `jitattn tune`, a function a group, and what they may not be together.

#include "cli/tune_flags.h"

#include <CLI/CLI.hpp>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/laboratory.h"
#include "cli/text.h"
#include "runtime/tuner.h"
#include "search/strategies/standing.h"
#include "search/strategy.h"

namespace jitattn::cli {
namespace {

// What Study A is about.
constexpr const char* kStudiedOperation = "attention";

std::vector<std::string_view> StrategyNames() {
  std::vector<std::string_view> names = {"auto"};
  for (const search::StrategyInfo& info : search::Strategies()) names.push_back(info.name);
  return names;
}

// Of --variants: "dtype" for every type, "layout" for both layouts, or single ones.
std::vector<std::string_view> VariantWords() {
  std::vector<std::string_view> words = {"dtype", "layout"};
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    words.push_back(Name(dtype));
  }
  for (const ops::Layout layout : {ops::Layout::kHeads, ops::Layout::kColumns}) {
    words.push_back(Name(layout));
  }
  return words;
}

std::string StandingText(std::string_view strategy) {
  const double score = search::RecordedScore(strategy).value_or(0);
  return absl::StrFormat("%+.2f%s", score,
                         search::IsBelowRandom(strategy) ? ", below random search" : "");
}

// Below the flags of --help: the options of the strategy that was named, else the strategies.
std::string StrategyHelp(const std::string& strategy) {
  std::vector<std::vector<std::string>> rows;
  const std::string_view name = strategy == "auto" ? search::DefaultStrategy() : strategy;
  std::string text =
      "Strategies (--strategy NAME --help lists the options of one), with their scores on recorded "
      "spaces:\n0 as random search, 1 the optimum at once (docs/search.md)\n";
  for (const search::StrategyInfo& info : search::Strategies()) {
    if (info.name != name || strategy.empty()) {
      std::string label(info.name);
      if (info.name == search::DefaultStrategy()) label += " (auto)";
      rows.push_back({"  " + label, StandingText(info.name), std::string(info.summary)});
      continue;
    }
    rows.clear();
    for (const search::OptionInfo& option : info.options) {
      rows.push_back({absl::StrFormat("  %s=%s", option.name, option.default_value),
                      std::string(option.help)});
    }
    text = absl::StrFormat("Strategy %s: %s\nScore on recorded spaces: %s\n%s", name, info.summary,
                           StandingText(name),
                           rows.empty() ? "  It has no options.\n"
                                        : "Options, each as --strategy-option NAME=VALUE:\n");
    break;
  }
  return text + Table(rows);
}

}  // namespace

void TuneFlags::AddTo(CLI::App* command) {
  AddProblems(command);
  AddSearch(command);
  AddGoals(command);
  machine.AddTo(command);
  AddOutput(command);
  command->footer([this] { return StrategyHelp(strategy); });
}

void TuneFlags::AddProblems(CLI::App* command) {
  problem.AddTo(command);
  command
      ->add_option("--preset", preset,
                   "the problems of jitattn bench --preset NAME instead, each with its threads and "
                   "instruction set")
      ->check(CLI::Validator(OneOf("preset", PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
  command
      ->add_flag("--stale", stale,
                 "the problems of saved records whose kernels have changed since, each with its "
                 "threads, instruction set and buffers")
      ->group("Problem");
  command
      ->add_option("--layout", layout,
                   "heads: one after the other; columns: side by side in the columns, as run has "
                   "them (columns with --dim, else heads)")
      ->check(CLI::Validator(OneOf("layout", {"heads", "columns"}), ""))
      ->type_name("LAYOUT")
      ->group("Problem");
}

void TuneFlags::AddSearch(CLI::App* command) {
  constexpr const char* kGroup = "Search";
  const runtime::TuneOptions defaults;
  command
      ->add_option("--space", space,
                   "full; small: the fields that matter most, at most 2000 points; or study-a: "
                   "threads x block x type, 32 points, by default searched by "
                   "genetic-study in 18 evaluations (full)")
      ->check(CLI::Validator(OneOf("space", {"full", "small", "study-a"}), ""))
      ->type_name("SPACE")
      ->group(kGroup);
  command
      ->add_option("--fields", fields,
                   "values that a field may take, and the default's, in the place of the space's "
                   "own")
      ->type_name("FIELD=V1:V2,...")
      ->expected(1)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  command->add_option("--strategy", strategy, "how the next candidate is chosen (auto)")
      ->check(CLI::Validator(OneOf("strategy", StrategyNames()), ""))
      ->type_name("NAME")
      ->group(kGroup);
  command
      ->add_option("--strategy-option", strategy_options,
                   "an option of the strategy; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  command
      ->add_option(
          "--evaluations", evaluations,
          absl::StrCat("candidates to look at, for each problem (", defaults.evaluations, ")"))
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kGroup);
  command
      ->add_option("--time", seconds,
                   absl::StrCat("seconds to spend, for each problem (", defaults.seconds, ")"))
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  command->add_option("--seed", seed, "of the strategy and of the operands (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
}

void TuneFlags::AddGoals(CLI::App* command) {
  goals.AddTo(command);
  command
      ->add_option("--variants", variants,
                   "also in other types and layouts: dtype, layout, or single ones; says which is "
                   "worth having")
      ->check(CLI::Validator(OneOf("variant", VariantWords()), ""))
      ->type_name("WORD,...")
      ->delimiter(',')
      ->group("Goals");
  command
      ->add_option("--min-gain", min_gain,
                   "share that another type or layout must gain for sure to be kept (0.05)")
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("G")
      ->group("Goals");
}

void TuneFlags::AddOutput(CLI::App* command) {
  command
      ->add_option(
          "--record", record,
          "write all that is measured to FILE for jitattn replay (docs/search.md); with "
          "--strategy exhaustive the whole space, for an hour at most. Of several problems "
          "each has its key before the extension")
      ->type_name("FILE")
      ->group("Output");
  command
      ->add_option("--record-samples", record_samples, "samples to keep of a point, at most (all)")
      ->check(CLI::Validator(WholeNumber(1, kMaxRecordSamples), ""))
      ->type_name("N")
      ->group("Output");
  command
      ->add_option("--csv", csv,
                   "a line for each evaluation to FILE, as it happens; a table that is there "
                   "goes on (docs/compare.md)")
      ->type_name("FILE")
      ->group("Output");
  command->add_flag("--quiet", quiet, "no progress, one line a problem")->group("Output");
  command->add_flag("--json", json, "the report as JSON (docs/json.md)")->group("Output");
}

absl::Status TuneFlags::CheckPreset() const {
  std::string given(problem.AnyFlag());
  if (!record.empty()) given = "--record";
  if (space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(given, " has no effect on --preset ", preset, ", which has its own problems"));
}

// A record has all that its key names, and its layout; --isa only bounds which are meant.
absl::Status TuneFlags::CheckStale() const {
  std::string given(problem.AnyFlag());
  if (!preset.empty()) given = "--preset";
  if (machine.threads) given = "--threads";
  if (!machine.buffers.empty()) given = "--buffers";
  if (!layout.empty()) given = "--layout";
  if (!record.empty()) given = "--record";
  if (!variants.empty()) given = "--variants";
  if (space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(given, " has no effect on --stale, where the records say it"));
}

// The space of 32 points is of attention in both types; the flags may say nothing else.
absl::Status TuneFlags::CheckStudy() const {
  if (!problem.dtype.empty()) {
    return absl::InvalidArgumentError("--dtype is a parameter of --space study-a, not a choice");
  }
  if (!problem.op.empty() && problem.op != kStudiedOperation) {
    return absl::InvalidArgumentError(
        absl::StrCat("--space study-a is a space of ", kStudiedOperation, ", not of ", problem.op));
  }
  if (!fields.empty() || !record.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(fields.empty() ? "--record" : "--fields",
                                                   " has no effect on --space study-a"));
  }
  return absl::OkStatus();
}

absl::Status TuneFlags::CheckVariants() const {
  if (variants.empty()) {
    if (!min_gain) return absl::OkStatus();
    return absl::InvalidArgumentError("--min-gain has no effect without --variants");
  }
  std::string given;
  if (!record.empty()) given = "--record";
  if (!csv.empty()) given = "--csv";
  if (goals.objectives.size() > 1) given = "--objective";
  if (space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(given, " has no effect on --variants"));
}

absl::Status TuneFlags::Settle() {
  if (absl::Status status = stale ? CheckStale() : absl::OkStatus(); !status.ok()) return status;
  if (space == "study-a") {
    if (absl::Status status = CheckStudy(); !status.ok()) return status;
    problem.op = kStudiedOperation;
    if (strategy.empty()) strategy = "genetic-study";
  }
  if (absl::Status status = CheckVariants(); !status.ok()) return status;
  if (strategy.empty()) strategy = "auto";
  return preset.empty() ? absl::OkStatus() : CheckPreset();
}

}  // namespace jitattn::cli
