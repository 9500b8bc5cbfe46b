// Tunes variants of a problem, times them in turn and judges them.

#include "lab/tune_variants.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "lab/variants_report.h"
#include "ops/operation.h"

namespace jitattn::lab {
namespace {

using ops::Layout;

constexpr DType kTypes[] = {DType::kF64, DType::kF32, DType::kBF16, DType::kF16};
constexpr ops::Layout kLayouts[] = {ops::Layout::kHeads, ops::Layout::kColumns};

// Errors of the configurations of one type differ only by a small factor. If the default's error is
// this many times the gate, no other configuration will pass, and the search is skipped.
constexpr double kHopelessError = 10;
// Number of candidates of a tuning: its winner, the default and the next fastest.
constexpr size_t kCandidates = 3;
// Time of the race, or the seconds of --time if they are fewer. After Ctrl-C the race makes the
// minimum number of rounds.
constexpr double kRaceSeconds = 10;

runtime::MeasureOptions MeasureOptionsOf(const runtime::TuneOptions& options) {
  return {.conditions = options.conditions, .seed = options.seed, .error_to_original = true};
}

// Returns the error of the default, without timing it. If the default cannot run, the tuning
// reports why.
double DefaultError(const Variant& variant, const runtime::TuneOptions& options, const Cpu& cpu,
                    runtime::Measurer& measurer) {
  const ops::Config config = ops::Canonical(
      ops::DefaultConfig(variant.problem, cpu, options.conditions.threads), variant.problem);
  return measurer.Evaluate(config, {.deadline_s = 0}).max_error;
}

// Tunes the variant at `index` and adds its candidates, the winner first.
absl::Status TuneOne(size_t index, const cli::TuneJob& job, const cache::Layers& layers, bool quiet,
                     JudgedVariants* judged) {
  JudgedVariant& judged_variant = judged->variants[index];
  const Variant& variant = judged_variant.variant;
  // A record serves both layouts, so a variant of another layout than asked for must not replace
  // it.
  bool save = variant.layout == judged->variants[0].variant.layout;
  if (!save) judged_variant.not_saved = "its layout is not the one asked for";
  runtime::TuneOptions options = job.options;
  options.conditions.layout = variant.layout;
  auto measurer = runtime::MakeMeasurer(variant.problem, job.cpu, MeasureOptionsOf(options));
  if (!measurer.ok()) return measurer.status();
  double& gate = options.constraints.max_error;
  if (std::isfinite(gate)) {
    const double error = DefaultError(variant, options, job.cpu, **measurer);
    if (index == 0 && error > gate) {
      // The baseline is tuned without a gate, since gains need a reference. JudgeVariants() then
      // drops it.
      gate = std::numeric_limits<double>::infinity();
      save = false;
      judged_variant.not_saved = absl::StrFormat("error %.2g is above --max-error", error);
    } else if (error > kHopelessError * gate) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "not searched: the error of its default, %.2g, is far above %.2g", error, gate));
    }
  }
  cli::Progress bar(variant.problem, quiet);
  auto report =
      runtime::Tune(variant.problem, job.cpu, options, **measurer, save ? &layers : nullptr,
                    [&](const runtime::TuneProgress& now) { bar.Update(now); });
  if (!report.ok()) return report.status();
  judged_variant.path = report->path;
  if (save) judged_variant.not_saved = report->not_saved;
  judged_variant.save_failed = report->save_failed;
  const size_t winner = static_cast<size_t>(report->winner);
  std::vector<size_t> order = {winner};
  for (size_t i = 0; i < report->finalists.size() && order.size() < kCandidates; ++i) {
    const bool right = report->finalists[i].outcome == runtime::Evaluation::Outcome::kMeasured;
    if (i != winner && right) order.push_back(i);
  }
  for (const size_t i : order) {
    judged->candidates.push_back(
        {.variant = index, .winner = i == winner, .evaluation = report->finalists[i]});
  }
  return absl::OkStatus();
}

absl::StatusOr<JudgedVariants> Judge(const cli::TuneJob& job, const VariantsOptions& options,
                                     const cache::Layers& layers, bool quiet,
                                     const cli::Interrupt& interrupt) {
  JudgedVariants judged;
  std::vector<Variant> variants =
      ExpandVariants(job.problem, job.options.conditions.layout, options.words);
  for (const Variant& variant : variants) judged.variants.push_back({.variant = variant});
  for (size_t i = 0; i < variants.size(); ++i) {
    absl::Status status = interrupt.stop()
                              ? absl::CancelledError(std::string(cli::Interrupt::reason()))
                              : TuneOne(i, job, layers, quiet, &judged);
    if (i == 0 && !status.ok()) return status;  // there is no baseline
    judged.variants[i].failed = std::string(status.message());
    if (!status.ok() || interrupt.stop()) continue;
    auto conversion = TimeConversion(variants[0], variants[i], job.options.seed);
    if (!conversion.ok()) return conversion.status();
    judged.variants[i].conversion = *conversion;
  }
  const double seconds = interrupt.stop() ? 0 : std::min(kRaceSeconds, job.options.seconds);
  absl::Status status =
      RaceVariants(variants, job.cpu, MeasureOptionsOf(job.options), seconds, &judged.candidates);
  if (!status.ok()) return status;
  judged.final_candidate =
      JudgeVariants({.max_error = job.options.constraints.max_error, .min_gain = options.min_gain},
                    job.options.seed, &judged.candidates);
  return judged;
}

}  // namespace

std::vector<Variant> ExpandVariants(const ops::Problem& problem, ops::Layout layout,
                                    const std::vector<std::string>& words) {
  auto named = [&](std::string_view group, std::string_view word) {
    return std::find(words.begin(), words.end(), group) != words.end() ||
           std::find(words.begin(), words.end(), word) != words.end();
  };
  const DType asked = problem.dtype();
  std::vector<Variant> variants = {{problem, ops::Effective(layout, problem)}};
  for (const ops::Layout other : kLayouts) {
    if (other != variants[0].layout && !named("layout", Name(other))) continue;
    if (ops::Effective(other, problem) != other) continue;  // the same with one head
    for (const DType dtype : kTypes) {
      if (dtype != asked && !named("dtype", Name(dtype))) continue;
      if (dtype == asked && other == variants[0].layout) continue;
      Variant& variant = variants.emplace_back(Variant{problem, other});
      variant.problem.set_dtype(dtype);
    }
  }
  return variants;
}

int TuneVariants(const std::vector<cli::TuneJob>& jobs, const VariantsOptions& options,
                 const Cpu& cpu, cli::TuneOutput output, const cli::Interrupt& interrupt) {
  const auto alone = [&](const cli::TuneJob& job) {
    return ExpandVariants(job.problem, job.options.conditions.layout, options.words).size() == 1;
  };
  if (std::all_of(jobs.begin(), jobs.end(), alone)) {
    return cli::Fail(absl::InvalidArgumentError(
        absl::StrCat("--variants ", absl::StrJoin(options.words, ","),
                     ": there is no other variant of ", ops::Describe(jobs[0].problem))));
  }
  const cache::Layers layers = cache::Layers::Default(cpu);
  int exit_code = cli::kDone;
  for (const cli::TuneJob& job : jobs) {
    if (interrupt.stop()) break;
    if (!output.quiet && !output.json) {
      std::printf("%s\n", cli::Bold(ops::Describe(job.problem), stdout).c_str());
      std::fflush(stdout);
    }
    const auto judged = Judge(job, options, layers, output.quiet, interrupt);
    if (!judged.ok()) {
      exit_code = cli::Fail(judged.status());
      continue;
    }
    if (output.json) {
      output.document["variants"].push_back(VariantsJson(*judged));
    } else if (output.quiet) {
      std::printf("%s: %s\n", ops::Describe(job.problem).c_str(), Justification(*judged).c_str());
    } else {
      std::fputs(VariantsText(*judged).c_str(), stdout);
    }
    std::fflush(stdout);
    for (const JudgedVariant& v : judged->variants) {
      if (!v.save_failed) continue;
      exit_code = cli::Fail(absl::UnavailableError(absl::StrCat("not saved: ", v.not_saved)));
    }
  }
  output.document["interrupted"] = interrupt.stop().load();
  if (output.json) cli::PrintJson(output.document);
  if (!interrupt.stop()) return exit_code;
  return cli::TellInterrupted();
}

}  // namespace jitattn::lab
