// jitattn tune: finds the fastest configuration of each problem on this machine and saves it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cache/layers.h"
#include "cli/bench_presets.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/space_flags.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "cli/tune_csv.h"
#include "cli/tune_flags.h"
#include "cli/tune_jobs.h"
#include "cli/tune_recording.h"
#include "cli/tune_study.h"
#include "cli/tune_variants.h"
#include "runtime/stale_code.h"
#include "runtime/tuner.h"
#include "search/strategy.h"

namespace jitattn::cli {
namespace {

// A recording of a whole space ends when it is whole: these only stop what would never end.
constexpr int kMaxEvaluations = 1000000;
constexpr double kRecordSeconds = 3600;
// A variant that gains less is dropped.
constexpr double kMinGain = 0.05;

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
                                          const std::vector<ops::Problem>& problems,
                                          const runtime::TuneOptions& options) {
  std::vector<const ops::Operation*> operations;
  for (const ops::Problem& problem : problems) operations.push_back(&problem.operation());
  std::vector<TuneJob> jobs;
  for (const ops::Problem& problem : problems) {
    TuneJob job = {problem, options};
    auto limits = LimitsOf(flags.space, flags.fields, problem.operation(), operations);
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

// True for cases that exist only for the cliff metric: an odd size, or the neighbour of one. They
// stay untuned, since that is the state the metric measures.
bool IsOfCliff(const BenchCase& one, const std::vector<BenchCase>& cases) {
  return !one.beside.empty() ||
         (one.line < 0 && std::any_of(cases.begin(), cases.end(), [&](const BenchCase& odd) {
            return std::find(odd.beside.begin(), odd.beside.end(), one.problem) != odd.beside.end();
          }));
}

// A preset has its own problems, each with its threads and instruction set.
absl::StatusOr<std::vector<TuneJob>> PresetJobs(const TuneFlags& flags, const Cpu& cpu,
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

// The first record of each key, as a plan would find it, if this version emits other code for it.
std::vector<cache::Record> StaleRecords(const Cpu& cpu) {
  const cache::Layers layers = cache::Layers::Default(cpu);
  std::set<std::string> keys;
  std::vector<cache::Record> records;
  for (const cache::Store& store : layers.stores()) {
    for (cache::StoredRecord& stored : store.List(/*all_cpus=*/false, nullptr)) {
      const cache::Key& key = stored.record.key;
      if (key.isa > cpu.isa || !keys.insert(key.ToString()).second) continue;
      if (runtime::HasStaleCode(stored.record, cpu)) records.push_back(std::move(stored.record));
    }
  }
  return records;
}

absl::StatusOr<std::vector<TuneJob>> StaleJobs(const TuneFlags& flags, const Cpu& cpu,
                                               const runtime::TuneOptions& options) {
  std::vector<TuneJob> jobs;
  for (const cache::Record& record : StaleRecords(cpu)) {
    runtime::TuneOptions here = options;
    here.threads = record.key.threads;
    here.isa = record.key.isa;
    here.buffers = record.key.buffers;
    here.layout = record.result.layout == Name(ops::Layout::kColumns) ? ops::Layout::kColumns
                                                                      : ops::Layout::kHeads;
    auto job = Jobs(flags, {record.problem}, here);
    if (!job.ok()) return job.status();
    jobs.push_back(std::move(job->front()));
  }
  return jobs;
}

// What would make a tuning worthless, asked before it takes its time.
absl::Status CheckUseful(const Cpu& cpu) {
  if (absl::Status status = runtime::CheckTunable(cpu); !status.ok()) return status;
  const absl::Status writable = cache::Layers::Default(cpu).CheckWritable();
  if (writable.ok()) return writable;
  return absl::FailedPreconditionError(absl::StrCat(
      "nothing is tuned, since no record could be saved: ", std::string(writable.message())));
}

// Whether the layout of its operands makes a difference, or might with other sizes.
bool HasLayouts(const ops::Problem& problem) {
  return std::ranges::any_of(problem.operation().dims,
                             [](const ops::Dim& dim) { return dim.name == "heads"; });
}

int RunStudies(const TuneFlags& flags, const std::vector<ops::Problem>& problems, const Cpu& cpu,
               const runtime::TuneOptions& options, TuneOutput output, const Interrupt& interrupt) {
  std::vector<TuneJob> jobs;
  for (const ops::Problem& problem : problems) {
    StudyJob job = {.problem = problem, .tune = options};
    job.study.strategy = options.strategy;
    job.study.strategy_options = options.strategy_options;
    job.study.evaluations = options.evaluations;
    job.study.seconds = options.seconds;
    job.study.seed = options.seed;
    job.study.stop = options.stop;
    if (!flags.json && !flags.quiet) {
      std::printf("%s\n", Bold(ops::Describe(problem), stdout).c_str());
    }
    auto found = RunStudyJob(job, cpu, &output);
    if (!found.ok()) return Fail(found.status());
    jobs.insert(jobs.end(), found->begin(), found->end());
  }
  return TuneAll(jobs, cpu, std::move(output), interrupt);
}

absl::StatusOr<std::vector<ops::Problem>> Problems(const TuneFlags& flags) {
  if (!flags.preset.empty() || flags.stale) return std::vector<ops::Problem>();
  auto problems = flags.problem.Problems();
  if (problems.ok() && !flags.layout.empty() &&
      std::none_of(problems->begin(), problems->end(), HasLayouts)) {
    return absl::InvalidArgumentError("--layout has no effect on an operation without heads");
  }
  return problems;
}

absl::StatusOr<runtime::TuneOptions> Options(const TuneFlags& flags, const Cpu& cpu) {
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
                                            : flags.layout == Name(ops::Layout::kColumns);
  options.layout = columns ? ops::Layout::kColumns : ops::Layout::kHeads;
  return options;
}

int RunTune(TuneFlags flags) {
  if (absl::Status status = flags.Settle(); !status.ok()) return Fail(status);
  const auto problems = Problems(flags);
  if (!problems.ok()) return Fail(problems.status());
  const auto cpu = flags.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
  auto options = Options(flags, *cpu);
  if (!options.ok()) return Fail(options.status());
  if (absl::Status status = CheckUseful(*cpu); !status.ok()) return Fail(status);
  const Interrupt interrupt;
  options->stop = &interrupt.stop();

  const bool study = flags.space == "study-a";
  absl::StatusOr<std::vector<TuneJob>> jobs;
  if (!study) {
    jobs = flags.stale             ? StaleJobs(flags, *cpu, *options)
           : !flags.preset.empty() ? PresetJobs(flags, *cpu, *options)
                                   : Jobs(flags, *problems, *options);
    if (!jobs.ok()) return Fail(jobs.status());
    if (jobs->empty() && !flags.json) std::puts("no record is stale: nothing to tune again");
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
  flags->AddTo(tune);
  return {tune, [flags] { return RunTune(*flags); }};
}

}  // namespace jitattn::cli
