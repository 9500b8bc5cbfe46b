// The flags of `jitattn tune`, one function per group, and the rules for combining them.

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

std::vector<std::string_view> StrategyNames() {
  std::vector<std::string_view> names = {"auto"};
  for (const search::StrategyInfo& info : search::Strategies()) names.push_back(info.name);
  return names;
}

// The words of --variants: "dtype" for every type, "layout" for both layouts, or single ones.
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

// The text below the flags in --help: the options of `strategy`, or if it is empty all strategies.
std::string StrategyHelp(const std::string& strategy) {
  std::vector<std::vector<std::string>> rows;
  const std::string_view name = strategy == "auto" ? search::DefaultStrategy() : strategy;
  std::string text =
      "Strategies and their scores on recorded spaces: 0 is random search, 1 finds the optimum at\n"
      "once (docs/search.md). --strategy NAME --help lists the options of a strategy.\n";
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
                   "tune the problems of jitattn bench --preset NAME, each with its threads and "
                   "instruction set")
      ->check(CLI::Validator(OneOf("preset", PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
  command
      ->add_flag("--stale", stale,
                 "tune again the problems of saved records whose kernels have changed since, each "
                 "with its threads, instruction set and buffers")
      ->group("Problem");
  command
      ->add_option_function<std::string>(
          "--from", [this](const std::string& path) { from = path, reads_from = true; },
          "tune the problems of FILE that have no fresh record, each with its threads, instruction "
          "set and buffers: lines of JITATTN_MISS_FILE (docs/cache-format.md)")
      ->type_name("FILE")
      ->group("Problem");
  command
      ->add_flag("--force", force, "with --from: also tune the problems that have a fresh record")
      ->group("Problem");
  command
      ->add_option(
          "--layout", layout,
          "heads: one head after the other; columns: heads side by side in the columns, as "
          "in jitattn run (columns with --dim, else heads)")
      ->check(CLI::Validator(OneOf("layout", {"heads", "columns"}), ""))
      ->type_name("LAYOUT")
      ->group("Problem");
}

void TuneFlags::AddSearch(CLI::App* command) {
  constexpr const char* kGroup = "Search";
  const runtime::TuneOptions defaults;
  command
      ->add_option("--space", space,
                   "full: all fields; small: the fields that matter most, at most 2000 points; "
                   "study-a: threads x block x type, 32 points, by default searched by "
                   "genetic-study in 18 evaluations (full)")
      ->check(CLI::Validator(OneOf("space", {"full", "small", "study-a"}), ""))
      ->type_name("SPACE")
      ->group(kGroup);
  command
      ->add_option("--fields", fields,
                   "values of a field to search, in place of the values of --space; the default's "
                   "value is always among them")
      ->type_name("FIELD=V1:V2,...")
      ->expected(1)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  command->add_option("--strategy", strategy, "strategy that chooses the next candidate (auto)")
      ->check(CLI::Validator(OneOf("strategy", StrategyNames()), ""))
      ->type_name("NAME")
      ->group(kGroup);
  command
      ->add_option("--strategy-option", strategy_options,
                   "an option of the strategy; may be given several times")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  command
      ->add_option(
          "--evaluations", evaluations,
          absl::StrCat("candidates to evaluate for each problem (", defaults.evaluations, ")"))
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kGroup);
  command
      ->add_option("--time", seconds,
                   absl::StrCat("seconds to spend on each problem (", defaults.seconds,
                                "); with --from, on all of them together"))
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  command->add_option("--seed", seed, "seed of the strategy and of the operands (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
}

void TuneFlags::AddGoals(CLI::App* command) {
  goals.AddTo(command);
  command
      ->add_option(
          "--variants", variants,
          "also tune other types and layouts: dtype, layout, or single ones; reports which "
          "is worth having")
      ->check(CLI::Validator(OneOf("variant", VariantWords()), ""))
      ->type_name("WORD,...")
      ->delimiter(',')
      ->group("Goals");
  command
      ->add_option("--min-gain", min_gain,
                   "smallest gain, as a fraction, for which another type or layout is kept; the "
                   "whole interval must be above it (0.05)")
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("G")
      ->group("Goals");
}

void TuneFlags::AddOutput(CLI::App* command) {
  command
      ->add_option(
          "--record", record,
          "write all measurements to FILE for jitattn replay (docs/search.md); with --strategy "
          "exhaustive the whole space, for at most an hour. With several problems, each file has "
          "the problem's key before the extension")
      ->check(CLI::Validator(FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  command
      ->add_option("--record-samples", record_samples,
                   "largest number of samples to keep per point (all)")
      ->check(CLI::Validator(WholeNumber(1, kMaxRecordSamples), ""))
      ->type_name("N")
      ->group("Output");
  command
      ->add_option("--csv", csv,
                   "write a line for each evaluation to FILE immediately; an existing table is "
                   "continued (docs/compare.md)")
      ->check(CLI::Validator(FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  command->add_flag("--quiet", quiet, "no progress, one line per problem")->group("Output");
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

// Records and lines of files have their own conditions and layout. --isa is allowed: it bounds
// which of them are tuned.
absl::Status TuneFlags::CheckOwnProblems() const {
  if (force && !reads_from) {
    return absl::InvalidArgumentError("--force has no effect without --from");
  }
  if (reads_from && from.empty()) {
    return absl::InvalidArgumentError("--from: the name of a file is empty");
  }
  if (!stale && !reads_from) return absl::OkStatus();
  std::string given(problem.AnyFlag());
  if (stale && reads_from) given = "--stale";
  if (!preset.empty()) given = "--preset";
  if (machine.threads) given = "--threads";
  if (!machine.buffers.empty()) given = "--buffers";
  if (!layout.empty()) given = "--layout";
  if (!record.empty()) given = "--record";
  if (!variants.empty()) given = "--variants";
  if (space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      given, reads_from ? " has no effect on --from, which takes it from the file"
                        : " has no effect on --stale, which takes it from the records"));
}

// The space of 32 points is for f32 and f64; the flags must not contradict that.
absl::Status TuneFlags::CheckStudy() const {
  if (!problem.dtype.empty()) {
    return absl::InvalidArgumentError(
        "--dtype has no effect on --space study-a, which searches both types");
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
  if (absl::Status status = CheckOwnProblems(); !status.ok()) return status;
  if (space == "study-a") {
    if (absl::Status status = CheckStudy(); !status.ok()) return status;
    if (strategy.empty()) strategy = "genetic-study";
  }
  if (absl::Status status = CheckVariants(); !status.ok()) return status;
  if (strategy.empty()) strategy = "auto";
  return preset.empty() ? absl::OkStatus() : CheckPreset();
}

}  // namespace jitattn::cli
