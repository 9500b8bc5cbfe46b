// Runs tunings for the command line.

#include "cli/tune_jobs.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/peak_watch.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "ops/operation.h"

namespace jitattn::cli {
namespace {

absl::StatusOr<Tuned> TuneOne(const TuneJob& job, const cache::Layers& layers,
                              const TuneOutput& output) {
  runtime::TuneOptions options = job.options;
  auto probe = ProbeFor(job.problem, job.cpu, options.conditions);
  if (!probe.ok()) return probe.status();
  auto measurer = runtime::MakeMeasurer(job.problem, job.cpu,
                                        {.conditions = options.conditions, .seed = options.seed});
  if (!measurer.ok()) return measurer.status();
  PeakWatch watch(job.recorder ? job.recorder->Between(**measurer) : **measurer, **probe);
  Progress bar(job.problem, output.quiet);
  Json log = Json::array();
  options.on_evaluation = [&](const runtime::TuneEvaluation& look) {
    if (output.json) log.push_back(LookJson(job.problem, look, (*probe)->best()));
    if (output.csv == nullptr) return;
    output.csv->Add({.key = {job.problem, options.conditions},
                     .strategy = StrategyName(options),
                     .seed = options.seed,
                     .peak = (*probe)->best()},
                    look);
  };
  auto report = runtime::Tune(job.problem, job.cpu, options, watch, &layers,
                              [&](const runtime::TuneProgress& now) { bar.Update(now); });
  std::optional<Recorded> recorded;
  if (job.recorder) {
    auto written = job.recorder->Write(job);
    if (!written.ok()) return written.status();
    recorded = *std::move(written);
  }
  if (!report.ok() && recorded) {
    return absl::Status(report.status().code(),
                        absl::StrCat(report.status().message(), "; ", RecordedText(*recorded)));
  }
  if (!report.ok()) return report.status();
  watch.LookAgainIfBelow(FastestRate(report->record));
  return Tuned{.report = *std::move(report),
               .peak = (*probe)->best(),
               .peak_describe = (*probe)->describe(),
               .recorded = recorded,
               .log = std::move(log)};
}

// The job with its share of the time that is left for all of them, or as it is. Where no time is
// left, the tuner says so.
TuneJob WithShare(TuneJob job, const TuneOutput& output, double begin, size_t jobs_left) {
  constexpr double kLeast = 1e-3;
  if (!output.seconds_of_all) return job;
  const double left = *output.seconds_of_all - (SteadyNow() - begin);
  job.options.seconds = std::max(kLeast, left / static_cast<double>(jobs_left));
  return job;
}

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);  // the next problem may take a minute
}

}  // namespace

int TellInterrupted() {
  std::fprintf(stderr, "jitattn: %s; the report says which results were saved\n",
               std::string(Interrupt::reason()).c_str());
  return Interrupt::exit_code();
}

int TuneAll(const std::vector<TuneJob>& jobs, const Cpu& cpu, TuneOutput output,
            const Interrupt& interrupt) {
  const cache::Layers layers = cache::Layers::Default(cpu);
  Json& problems = output.document["problems"] = Json::array();
  int exit_code = kDone;
  const double begin = SteadyNow();
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (interrupt.stop()) break;
    const TuneJob job = WithShare(jobs[i], output, begin, jobs.size() - i);
    const bool as_text = !output.json && !output.quiet;
    if (as_text) Print(Bold(ops::Describe(job.problem), stdout) + "\n");
    const absl::StatusOr<Tuned> tuned = TuneOne(job, layers, output);
    if (!tuned.ok()) {
      exit_code = Fail(tuned.status());
      continue;
    }
    if (output.json) problems.push_back(ReportJson(*tuned));
    if (as_text) Print(ReportText(*tuned));
    if (output.quiet && !output.json) Print(ReportLine(*tuned));
    if (tuned->recorded && !output.json) Print(RecordedText(*tuned->recorded) + "\n");
    if (tuned->report.save_failed) {
      exit_code =
          Fail(absl::UnavailableError(absl::StrCat("not saved: ", tuned->report.not_saved)));
    }
  }
  if (output.csv != nullptr && !output.csv->status().ok()) exit_code = Fail(output.csv->status());
  output.document["interrupted"] = interrupt.stop().load();
  if (output.json) PrintJson(output.document);
  return interrupt.stop() ? TellInterrupted() : exit_code;
}

}  // namespace jitattn::cli
