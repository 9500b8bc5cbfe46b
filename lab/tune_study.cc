// The command `jitattn tune --space study-a`.

#include "lab/tune_study.h"

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/text.h"

namespace jitattn::lab {
namespace {

using Outcome = runtime::Evaluation::Outcome;

constexpr DType kTypes[] = {DType::kF32, DType::kF64};

std::string SpeedOf(const StudyTrial& trial) {
  const bool measured = trial.evaluation.outcome == Outcome::kMeasured;
  return measured ? cli::RateText(trial.point.problem, trial.evaluation.seconds.median)
                  : trial.evaluation.error;
}

std::string TrialsText(const std::vector<StudyTrial>& trials) {
  std::vector<std::vector<std::string>> rows = {{">#", "TYPE", ">THREADS", ">BLOCK", ">SPEED", ""}};
  for (const StudyTrial& trial : trials) {
    const DType dtype = trial.point.problem.dtype();
    const bool best = &trial == BestOf(trials, dtype, kStudyThreads);
    rows.push_back({absl::StrCat(rows.size()), std::string(Name(dtype)),
                    absl::StrCat(trial.point.threads), absl::StrCat(trial.point.block),
                    SpeedOf(trial), best ? absl::StrFormat("best of %s", Name(dtype)) : ""});
  }
  return cli::Table(rows);
}

cli::Json TrialJson(const StudyTrial& trial) {
  const bool measured = trial.evaluation.outcome == Outcome::kMeasured;
  cli::Json json = {{"describe", ops::Describe(trial.point.problem)},
                    {"dtype", Name(trial.point.problem.dtype())},
                    {"threads", trial.point.threads},
                    {"block", trial.point.block},
                    {"config", cli::ToJson(trial.point.config)}};
  json["seconds_median"] =
      measured ? cli::Number(trial.evaluation.seconds.median) : cli::Json(nullptr);
  json["seconds_min"] = measured ? cli::Number(trial.evaluation.seconds.min) : cli::Json(nullptr);
  json["error"] = cli::OrNull(trial.evaluation.error);
  return json;
}

}  // namespace

absl::StatusOr<std::vector<cli::TuneJob>> RunStudyJob(const StudyJob& job, const Cpu& cpu,
                                                      cli::TuneOutput* output) {
  const ops::Conditions conditions = ops::Resolve({.threads = kStudyThreads,
                                                   .buffers = job.tune.conditions.buffers,
                                                   .layout = job.tune.conditions.layout},
                                                  cpu);
  std::unique_ptr<runtime::Measurer> owners[2];
  runtime::Measurer* measurers[2];
  for (const DType dtype : kTypes) {
    ops::Problem problem = job.problem;
    problem.set_dtype(dtype);
    auto measurer =
        runtime::MakeMeasurer(problem, cpu, {.conditions = conditions, .seed = job.study.seed});
    if (!measurer.ok()) return measurer.status();
    owners[static_cast<int>(dtype)] = *std::move(measurer);
    measurers[static_cast<int>(dtype)] = owners[static_cast<int>(dtype)].get();
  }
  int done = 0;
  double best_s[2] = {};  // by type, since times of different types do not compare
  const double start = measurers[0]->Now();
  const auto trials =
      RunStudy(job.problem, cpu, job.study, measurers, [&](const StudyTrial& trial) {
        ++done;
        if (output->csv) {
          const runtime::Evaluation& evaluation = trial.evaluation;
          double& best = best_s[static_cast<int>(trial.point.problem.dtype())];
          const bool measured = evaluation.outcome == Outcome::kMeasured;
          if (measured && (best <= 0 || evaluation.seconds.min < best)) {
            best = evaluation.seconds.min;
          }
          output->csv->Add({.key = {trial.point.problem, conditions},
                            .strategy = job.study.strategy,
                            .seed = job.study.seed},
                           {.evaluation = evaluation,
                            .number = done,
                            .elapsed_s = measurers[0]->Now() - start,
                            .best_s = best});
        }
        if (output->quiet) return;
        std::fprintf(stderr, "study: %d of %d: %s, %d threads, block %d: %s\n", done,
                     job.study.evaluations, std::string(Name(trial.point.problem.dtype())).c_str(),
                     trial.point.threads, trial.point.block, SpeedOf(trial).c_str());
      });
  if (!trials.ok()) return trials.status();
  if (output->json) {
    for (const auto& trial : *trials) output->document["study"].push_back(TrialJson(trial));
  } else if (!output->quiet) {
    std::fputs(TrialsText(*trials).c_str(), stdout);
  }
  std::vector<cli::TuneJob> jobs;
  for (const DType dtype : kTypes) {
    const auto* best = BestOf(*trials, dtype, job.tune.conditions.threads);
    if (best == nullptr) continue;
    cli::TuneJob confirm = {best->point.problem, cpu, job.tune};
    confirm.options.candidates = {best->point.config};
    jobs.push_back(std::move(confirm));
  }
  return jobs;
}

}  // namespace jitattn::lab
