// The laboratory's modes of `jitattn tune`.

#include "lab/tune.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "cli/tune.h"
#include "lab/bench_presets.h"
#include "lab/tune_recording.h"
#include "lab/tune_study.h"
#include "lab/tune_variants.h"

namespace jitattn::lab {
namespace {

// Limits of a recording, which normally ends when the space is complete.
constexpr int kMaxEvaluations = 1000000;
constexpr double kRecordSeconds = 3600;
// A variant with a smaller gain is dropped.
constexpr double kMinGain = 0.05;

// Returns jobs for `problems`, which are recorded if --record was given.
absl::StatusOr<std::vector<cli::TuneJob>> RecordedJobs(const cli::TuneRequest& request,
                                                       const std::vector<ops::Problem>& problems) {
  auto jobs = cli::Jobs(request, problems);
  if (!jobs.ok() || request.flags.record.empty()) return jobs;
  for (cli::TuneJob& job : *jobs) {
    const cache::Key key = cache::MakeKey(job.problem, job.options.conditions);
    const std::string file =
        RecordingPath(request.flags.record, key.ToString(), problems.size() > 1);
    if (absl::Status status = cli::CheckTextFile("--record", file); !status.ok()) return status;
    job.recorder = MakeTuneRecorder(file, request.flags.record_samples);
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

// Returns the jobs of a preset, each with its own threads and instruction set.
absl::StatusOr<std::vector<cli::TuneJob>> PresetJobs(const cli::TuneRequest& request) {
  std::vector<cli::TuneJob> jobs;
  const ops::Conditions& asked = request.options.conditions;
  const std::vector<BenchCase> cases =
      MakePreset(request.flags.preset, request.cpu, asked.threads).cases;
  for (const BenchCase& one : cases) {
    if (IsOfCliff(one, cases)) continue;
    for (const int threads : one.threads) {
      const cli::TuneRequest here = request.Under({threads, asked.buffers, asked.layout}, one.isa);
      const bool known = std::any_of(jobs.begin(), jobs.end(), [&](const cli::TuneJob& job) {
        return job.problem == one.problem && job.options.conditions == here.options.conditions;
      });
      if (known) continue;
      auto job = cli::Jobs(here, {one.problem});
      if (!job.ok()) return job.status();
      jobs.push_back(std::move(job->front()));
    }
  }
  if (jobs.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--preset ", request.flags.preset,
                                                   " has nothing to tune: it has only odd sizes"));
  }
  return jobs;
}

int RunStudies(const cli::TuneRequest& request, cli::TuneOutput output,
               const cli::Interrupt& interrupt) {
  std::vector<cli::TuneJob> jobs;
  const runtime::TuneOptions& options = request.options;
  for (const ops::Problem& problem : request.problems) {
    StudyJob job = {.problem = problem, .tune = options};
    job.study.strategy = options.strategy;
    job.study.strategy_options = options.strategy_options;
    job.study.evaluations = options.evaluations;
    job.study.seconds = options.seconds;
    job.study.seed = options.seed;
    job.study.stop = options.stop;
    if (!output.json && !output.quiet) {
      std::printf("%s\n", cli::Bold(ops::Describe(problem), stdout).c_str());
    }
    auto found = RunStudyJob(job, request.cpu, &output);
    if (!found.ok()) return cli::Fail(found.status());
    jobs.insert(jobs.end(), found->begin(), found->end());
  }
  return cli::TuneAll(jobs, request.cpu, std::move(output), interrupt);
}

// Leaves the problems that have a study. An error if there is none.
absl::Status KeepStudied(std::vector<ops::Problem>* problems) {
  const std::string asked(problems->front().operation().name);
  std::erase_if(*problems,
                [](const ops::Problem& problem) { return !IsStudied(problem.operation()); });
  if (!problems->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--space study-a varies the block of keys, and ", asked, " has none"));
}

// Sets the budget of a study or a recording, unless flags set it.
void SetBudget(cli::TuneRequest* request) {
  const cli::TuneFlags& flags = request->flags;
  runtime::TuneOptions& options = request->options;
  if (flags.space == "study-a" && !flags.evaluations) options.evaluations = kStudyEvaluations;
  if (flags.record.empty() || flags.strategy != "exhaustive") return;
  options.evaluations = flags.evaluations.value_or(kMaxEvaluations);
  options.seconds = flags.seconds.value_or(kRecordSeconds);
}

}  // namespace

int RunLaboratoryTune(const cli::TuneFlags& given) {
  auto request = cli::ReadTuneRequest(given);
  if (!request.ok()) return cli::Fail(request.status());
  const cli::TuneFlags& flags = request->flags;
  SetBudget(&*request);
  const cli::Interrupt interrupt;
  request->options.stop = &interrupt.stop();
  const bool study = flags.space == "study-a";
  if (study) {
    absl::Status status = KeepStudied(&request->problems);
    if (!status.ok()) return cli::Fail(status);
  }
  absl::StatusOr<std::vector<cli::TuneJob>> jobs;
  if (!study) {
    jobs = flags.preset.empty() ? RecordedJobs(*request, request->problems) : PresetJobs(*request);
    if (!jobs.ok()) return cli::Fail(jobs.status());
  }
  auto output = cli::OpenTuneOutput(flags);
  if (!output.ok()) return cli::Fail(output.status());
  if (study) return RunStudies(*request, *std::move(output), interrupt);
  if (flags.variants.empty()) {
    return cli::TuneAll(*jobs, request->cpu, *std::move(output), interrupt);
  }
  const VariantsOptions options = {.words = flags.variants,
                                   .min_gain = flags.min_gain.value_or(kMinGain)};
  return TuneVariants(*jobs, options, request->cpu, *std::move(output), interrupt);
}

}  // namespace jitattn::lab
