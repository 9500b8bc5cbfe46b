// jitattn tune: finds the fastest configuration of each problem on this machine and saves it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/bench_presets.h"
#include "cli/command.h"
#include "cli/goal_flags.h"
#include "cli/interrupt.h"
#include "cli/problem_flags.h"
#include "cli/space_flags.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "cli/tune_csv.h"
#include "cli/tune_jobs.h"
#include "cli/tune_recording.h"
#include "cli/tune_study.h"
#include "cli/tune_variants.h"
#include "runtime/tuner.h"
#include "search/standing.h"
#include "search/strategy.h"

namespace jitattn::cli {
namespace {

// More than a measurement takes, whatever its resource.
constexpr int kMaxRecordSamples = 1000000;
// A recording of a whole space ends when it is whole: these only stop what would never end.
constexpr int kMaxEvaluations = 1000000;
constexpr double kRecordSeconds = 3600;
// Study D: what gains less is dropped.
constexpr double kMinGain = 0.05;

struct TuneFlags {
  ProblemFlags problem;
  std::string preset;
  MachineFlags machine;
  GoalFlags goals;
  std::string layout;                 // empty: as --dim or not says
  std::vector<std::string> variants;  // --variants
  std::optional<double> min_gain;
  std::string space = "full";
  std::string strategy;  // empty: the space's own
  std::vector<std::string> strategy_options;
  std::optional<int> evaluations;
  std::optional<double> seconds;
  uint64_t seed = 1;
  std::vector<std::string> fields;  // --fields
  std::string record, csv;
  int record_samples = kMaxRecordSamples;
  bool quiet = false, json = false;
};

std::vector<std::string_view> StrategyNames() {
  std::vector<std::string_view> names = {"auto"};
  for (const search::StrategyInfo& info : search::Strategies()) names.push_back(info.name);
  return names;
}

std::string StandingText(std::string_view strategy) {
  const double score = search::Standing(strategy).value_or(0);
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

absl::StatusOr<search::StrategyOptions> ParseStrategyOptions(const TuneFlags& flags) {
  search::StrategyOptions options;
  for (const std::string& text : flags.strategy_options) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == text.npos) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--strategy-option %s: NAME=VALUE is needed", text));
    }
    options.values.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  // So that a slip shows before a minute of tuning.
  if (absl::Status s = search::CheckStrategy(flags.strategy, options); !s.ok()) return s;
  return options;
}

// A job a problem, with what differs between them.
absl::StatusOr<std::vector<TuneJob>> Jobs(const TuneFlags& flags,
                                          const std::vector<jit::Problem>& problems,
                                          const runtime::TuneOptions& options) {
  std::vector<jit::Op> ops;
  for (const jit::Problem& problem : problems) ops.push_back(jit::OpOf(problem));
  std::vector<TuneJob> jobs;
  for (const jit::Problem& problem : problems) {
    TuneJob job = {problem, options};
    auto limits = LimitsOf(flags.space, flags.fields, jit::OpOf(problem), ops);
    if (!limits.ok()) return limits.status();
    job.options.limits = *std::move(limits);
    if (!flags.record.empty()) {
      const cache::Key key = cache::MakeKey(problem, options.threads, options.isa, options.buffers);
      job.record = RecordingPath(flags.record, key.ToString(), problems.size() > 1);
      job.record_samples = flags.record_samples;
      if (absl::Status status = CheckTextFile("--record", job.record); !status.ok()) return status;
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

// Whether a case is there for a cliff only, as an odd size or as the neighbour of one: what cliffs
// are about is sizes that nobody tuned.
bool IsOfCliff(const BenchCase& one, const std::vector<BenchCase>& cases) {
  return !one.beside.empty() ||
         (one.line < 0 && std::any_of(cases.begin(), cases.end(), [&](const BenchCase& odd) {
            return std::find(odd.beside.begin(), odd.beside.end(), one.problem) != odd.beside.end();
          }));
}

// A preset has its own problems, each with its threads and instruction set.
absl::StatusOr<std::vector<TuneJob>> PresetJobs(const TuneFlags& flags, const jit::Cpu& cpu,
                                                const runtime::TuneOptions& options) {
  std::vector<TuneJob> jobs;
  const std::vector<BenchCase> cases = MakePreset(flags.preset, cpu, options.threads).cases;
  for (const BenchCase& one : cases) {
    if (IsOfCliff(one, cases)) continue;
    for (const int threads : one.threads) {
      runtime::TuneOptions here = options;
      here.isa = one.isa;
      here.threads = threads;
      const bool known = std::any_of(jobs.begin(), jobs.end(), [&](const TuneJob& job) {
        return job.problem == one.problem && job.options.isa == here.isa &&
               job.options.threads == threads;
      });
      if (known) continue;
      auto job = Jobs(flags, {one.problem}, here);
      if (!job.ok()) return job.status();
      jobs.push_back(std::move(job->front()));
    }
  }
  if (jobs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--preset ", flags.preset, " has nothing to tune: it is of odd sizes"));
  }
  return jobs;
}

absl::Status CheckPresetFlags(const TuneFlags& flags) {
  std::string given(flags.problem.AnyFlag());
  if (!flags.record.empty()) given = "--record";
  if (flags.space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(given, " says nothing to --preset ", flags.preset,
                                                 ", which has its own problems"));
}

// Study A's space is of attention in both types; the flags may say nothing else.
absl::Status CheckStudyFlags(const TuneFlags& flags) {
  if (!flags.problem.dtype.empty()) {
    return absl::InvalidArgumentError("--dtype is a parameter of --space study-a, not a choice");
  }
  if (flags.problem.op == "sigmoid-mul") {
    return absl::InvalidArgumentError(
        "--space study-a is a space of attention, not of sigmoid-mul");
  }
  if (!flags.fields.empty() || !flags.record.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(flags.fields.empty() ? "--record" : "--fields",
                                                   " says nothing to --space study-a"));
  }
  return absl::OkStatus();
}

bool IsAttention(const jit::Problem& problem) { return jit::OpOf(problem) == jit::Op::kAttention; }

absl::Status CheckVariantFlags(const TuneFlags& flags) {
  if (flags.variants.empty()) {
    if (!flags.min_gain) return absl::OkStatus();
    return absl::InvalidArgumentError("--min-gain says nothing without --variants");
  }
  std::string given;
  if (!flags.record.empty()) given = "--record";
  if (!flags.csv.empty()) given = "--csv";
  if (flags.goals.objectives.size() > 1) given = "--objective";
  if (flags.space == "study-a") given = "--space study-a";
  if (given.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(given, " says nothing to --variants"));
}

int RunStudies(const TuneFlags& flags, const std::vector<jit::Problem>& problems,
               const jit::Cpu& cpu, const runtime::TuneOptions& options, TuneOutput output,
               const Interrupt& interrupt) {
  std::vector<TuneJob> jobs;
  for (const jit::Problem& problem : problems) {
    StudyJob job = {.problem = std::get<jit::AttentionProblem>(problem), .tune = options};
    job.study.strategy = options.strategy;
    job.study.strategy_options = options.strategy_options;
    job.study.evaluations = options.evaluations;
    job.study.seconds = options.seconds;
    job.study.seed = options.seed;
    job.study.stop = options.stop;
    if (!flags.json && !flags.quiet) {
      std::printf("%s\n", Bold(jit::Describe(problem), stdout).c_str());
    }
    auto found = RunStudyJob(job, cpu, &output);
    if (!found.ok()) return Fail(found.status());
    jobs.insert(jobs.end(), found->begin(), found->end());
  }
  return TuneAll(jobs, cpu, std::move(output), interrupt);
}

// Refuses flags that do not go together, and fills in what one flag says about others.
absl::Status SettleFlags(TuneFlags* flags) {
  if (flags->space == "study-a") {
    if (absl::Status status = CheckStudyFlags(*flags); !status.ok()) return status;
    flags->problem.op = "attention";
    if (flags->strategy.empty()) flags->strategy = "genetic-study";
  }
  if (absl::Status status = CheckVariantFlags(*flags); !status.ok()) return status;
  if (flags->strategy.empty()) flags->strategy = "auto";
  return flags->preset.empty() ? absl::OkStatus() : CheckPresetFlags(*flags);
}

absl::StatusOr<std::vector<jit::Problem>> Problems(const TuneFlags& flags) {
  if (!flags.preset.empty()) return std::vector<jit::Problem>();
  auto problems = flags.problem.Problems();
  if (problems.ok() && !flags.layout.empty() &&
      std::none_of(problems->begin(), problems->end(), IsAttention)) {
    return absl::InvalidArgumentError("--layout says nothing to sigmoid-mul");
  }
  return problems;
}

absl::StatusOr<runtime::TuneOptions> Options(const TuneFlags& flags, const jit::Cpu& cpu) {
  auto strategy_options = ParseStrategyOptions(flags);
  if (!strategy_options.ok()) return strategy_options.status();
  runtime::TuneOptions options;
  options.strategy = flags.strategy;
  options.strategy_options = *std::move(strategy_options);
  if (flags.space == "study-a") options.evaluations = runtime::kStudyEvaluations;
  if (!flags.record.empty() && flags.strategy == "exhaustive") {
    options.evaluations = kMaxEvaluations;
    options.seconds = kRecordSeconds;
  }
  options.evaluations = flags.evaluations.value_or(options.evaluations);
  options.seconds = flags.seconds.value_or(options.seconds);
  options.seed = flags.seed;
  if (absl::Status status = flags.goals.Fill(&options); !status.ok()) return status;
  options.threads = flags.machine.Threads();
  options.isa = cpu.isa;
  options.buffers = flags.machine.Buffers();
  // --dim N --heads H are H heads side by side in N columns.
  const bool columns = flags.layout.empty() ? !flags.problem.dims.empty()
                                            : flags.layout == Name(runtime::Layout::kColumns);
  options.layout = columns ? runtime::Layout::kColumns : runtime::Layout::kHeads;
  return options;
}

int RunTune(TuneFlags flags) {
  if (absl::Status status = SettleFlags(&flags); !status.ok()) return Fail(status);
  const auto problems = Problems(flags);
  if (!problems.ok()) return Fail(problems.status());
  const auto cpu = flags.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
  auto options = Options(flags, *cpu);
  if (!options.ok()) return Fail(options.status());
  const Interrupt interrupt;
  options->stop = &interrupt.stop();

  const bool study = flags.space == "study-a";
  absl::StatusOr<std::vector<TuneJob>> jobs;
  if (!study) {
    jobs =
        flags.preset.empty() ? Jobs(flags, *problems, *options) : PresetJobs(flags, *cpu, *options);
    if (!jobs.ok()) return Fail(jobs.status());
  }
  TuneOutput output = {.quiet = flags.quiet, .json = flags.json, .document = JsonHead("tune")};
  for (const char* key : {"study", "variants", "problems"}) output.document[key] = Json::array();
  if (!flags.variants.empty()) {
    return TuneVariants(*jobs,
                        {.words = flags.variants, .min_gain = flags.min_gain.value_or(kMinGain)},
                        *cpu, std::move(output), interrupt);
  }
  std::unique_ptr<TuneCsv> csv;
  if (!flags.csv.empty()) {
    auto opened = TuneCsv::Open(flags.csv);
    if (!opened.ok()) return Fail(opened.status());
    csv = *std::move(opened);
    output.csv = csv.get();
  }
  if (study) return RunStudies(flags, *problems, *cpu, *options, std::move(output), interrupt);
  return TuneAll(*jobs, *cpu, std::move(output), interrupt);
}

}  // namespace

Command AddTune(CLI::App* app) {
  auto flags = std::make_shared<TuneFlags>();
  CLI::App* tune =
      app->add_subcommand("tune", "Find the fastest configurations here and save them");
  flags->problem.AddTo(tune);
  tune->add_option("--preset", flags->preset,
                   "the problems of jitattn bench --preset NAME instead, each with its threads and "
                   "instruction set")
      ->check(CLI::Validator(OneOf("preset", PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
  constexpr const char* kGroup = "Search";
  const runtime::TuneOptions defaults;
  tune->add_option("--space", flags->space,
                   "full; small: the fields that matter most, at most 2000 points; or study-a: "
                   "threads x block x type, 32 points, by default searched by "
                   "genetic-study in 18 evaluations (full)")
      ->check(CLI::Validator(OneOf("space", {"full", "small", "study-a"}), ""))
      ->type_name("SPACE")
      ->group(kGroup);
  tune->add_option("--fields", flags->fields,
                   "values that a field may take, and the default's, in the place of the space's "
                   "own")
      ->type_name("FIELD=V1:V2,...")
      ->expected(1)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  tune->add_option("--strategy", flags->strategy, "how the next candidate is chosen (auto)")
      ->check(CLI::Validator(OneOf("strategy", StrategyNames()), ""))
      ->type_name("NAME")
      ->group(kGroup);
  tune->add_option("--strategy-option", flags->strategy_options,
                   "an option of the strategy; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  tune->add_option(
          "--evaluations", flags->evaluations,
          absl::StrCat("candidates to look at, for each problem (", defaults.evaluations, ")"))
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group(kGroup);
  tune->add_option("--time", flags->seconds,
                   absl::StrCat("seconds to spend, for each problem (", defaults.seconds, ")"))
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("S")
      ->group(kGroup);
  tune->add_option("--seed", flags->seed, "of the strategy and of the operands (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group(kGroup);
  tune->add_option("--layout", flags->layout,
                   "heads: one after the other; columns: side by side in the columns, as run has "
                   "them (columns with --dim, else heads)")
      ->check(CLI::Validator(OneOf("layout", {"heads", "columns"}), ""))
      ->type_name("LAYOUT")
      ->group("Problem");
  flags->goals.AddTo(tune);
  tune->add_option("--variants", flags->variants,
                   "also in other types and layouts: dtype, layout, or single ones; says which is "
                   "worth having")
      ->check(CLI::Validator(OneOf("variant", VariantWords()), ""))
      ->type_name("WORD,...")
      ->delimiter(',')
      ->group("Goals");
  tune->add_option("--min-gain", flags->min_gain,
                   "share that another type or layout must gain for sure to be kept (0.05)")
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("G")
      ->group("Goals");
  flags->machine.AddTo(tune);
  tune->add_option(
          "--record", flags->record,
          "write all that is measured to FILE for jitattn replay (docs/search.md); with "
          "--strategy exhaustive the whole space, for an hour at most. Of several problems "
          "each has its key before the extension")
      ->type_name("FILE")
      ->group("Output");
  tune->add_option("--record-samples", flags->record_samples,
                   "samples to keep of a point, at most (all)")
      ->check(CLI::Validator(WholeNumber(1, kMaxRecordSamples), ""))
      ->type_name("N")
      ->group("Output");
  tune->add_option("--csv", flags->csv,
                   "a line for each evaluation to FILE, as it happens; a table that is there "
                   "goes on (docs/compare.md)")
      ->type_name("FILE")
      ->group("Output");
  tune->add_flag("--quiet", flags->quiet, "no progress, one line a problem")->group("Output");
  tune->add_flag("--json", flags->json, "the report as JSON (docs/json.md)")->group("Output");
  tune->footer([flags] { return StrategyHelp(flags->strategy); });
  return {tune, [flags] { return RunTune(*flags); }};
}

}  // namespace jitattn::cli
