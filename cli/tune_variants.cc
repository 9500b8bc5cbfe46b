// Variants of a problem, tuned, timed in turn and judged.

#include "cli/tune_variants.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/tune_report.h"
#include "runtime/heuristic.h"

namespace jitattn::cli {
namespace {

using runtime::Layout;
using runtime::Variant;
using runtime::VariantCandidate;

constexpr jit::DType kTypes[] = {jit::DType::kF64, jit::DType::kF32, jit::DType::kBF16,
                                 jit::DType::kF16};
constexpr Layout kLayouts[] = {Layout::kHeads, Layout::kColumns};

// Configurations of one type differ by a small factor in their error: where the default's is this
// far above the gate, no other will pass it, and no search is made.
constexpr double kHopelessError = 10;
// Of a tuning, with its winner: the default, and the next fastest.
constexpr size_t kCandidates = 3;
constexpr double kRaceSeconds = 4;

std::string NameOf(const Variant& variant) {
  const jit::DType dtype = std::visit([](const auto& p) { return p.dtype; }, variant.problem);
  std::string name(jit::Name(dtype));
  const auto* p = std::get_if<jit::AttentionProblem>(&variant.problem);
  if (p != nullptr && p->heads > 1) absl::StrAppend(&name, ", ", std::string(Name(variant.layout)));
  return name;
}

struct Judged {
  std::vector<Variant> variants;
  std::vector<std::string> failed;  // of each variant: why it has no candidate; "" if it has
  std::vector<runtime::Conversion> conversions;
  std::vector<std::string> saved;  // paths
  std::vector<VariantCandidate> candidates;
  std::optional<size_t> final_candidate;
};

// Adds the variant's candidates, the winner first.
absl::Status TuneOne(const Variant& variant, size_t index, const VariantsJob& job,
                     const jit::Cpu& cpu, bool save, Judged* judged) {
  runtime::TuneOptions options = job.tune;
  options.layout = variant.layout;
  auto measurer = runtime::MakeMeasurer(variant.problem, {.threads = options.threads,
                                                          .isa = options.isa,
                                                          .buffers = options.buffers,
                                                          .layout = variant.layout,
                                                          .seed = options.seed,
                                                          .error_to_original = true});
  if (!measurer.ok()) return measurer.status();
  const double gate = options.constraints.max_error;
  const jit::Config standing = jit::Canonical(
      runtime::DefaultConfig(variant.problem, cpu, options.threads), jit::SpecOf(variant.problem));
  const runtime::Evaluation first = (*measurer)->Evaluate(standing, {});
  if (!(first.max_error <= kHopelessError * gate)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("error %.2g is far above %.2g", first.max_error, gate));
  }
  Progress bar(variant.problem, job.quiet);
  const cache::Layers layers = cache::Layers::Default(cpu);
  auto report = runtime::Tune(variant.problem, cpu, options, **measurer, save ? &layers : nullptr,
                              [&](const runtime::TuneProgress& now) { bar.Update(now); });
  if (!report.ok()) return report.status();
  if (!report->path.empty()) judged->saved.push_back(report->path);
  std::vector<size_t> order = {static_cast<size_t>(report->winner)};
  for (size_t i = 0; i < report->finalists.size() && order.size() < kCandidates; ++i) {
    const bool right = report->finalists[i].outcome == runtime::Evaluation::Outcome::kMeasured;
    if (i != order[0] && right) order.push_back(i);
  }
  for (const size_t i : order) {
    judged->candidates.push_back(
        {.variant = index, .winner = i == order[0], .evaluation = report->finalists[i]});
  }
  return absl::OkStatus();
}

absl::StatusOr<Judged> Run(const jit::Problem& problem, const VariantsJob& job, const jit::Cpu& cpu,
                           const Interrupt& interrupt) {
  Judged judged{.variants = ExpandVariants(problem, job.tune.layout, job.words)};
  for (size_t i = 0; i < judged.variants.size(); ++i) {
    const Variant& variant = judged.variants[i];
    // A record says nothing of layouts but a note: what was not asked for replaces none.
    const bool save = variant.layout == judged.variants[0].layout;
    absl::Status status = interrupt.stop() ? absl::CancelledError("stopped by Ctrl-C")
                                           : TuneOne(variant, i, job, cpu, save, &judged);
    if (i == 0 && !status.ok()) return status;  // nothing to compare with
    judged.failed.push_back(std::string(status.message()));
    auto conversion = runtime::TimeConversion(judged.variants[0], variant, job.tune.seed);
    if (!conversion.ok()) return conversion.status();
    judged.conversions.push_back(*conversion);
  }
  absl::Status status = runtime::RaceVariants(judged.variants,
                                              {.threads = job.tune.threads,
                                               .isa = job.tune.isa,
                                               .buffers = job.tune.buffers,
                                               .seed = job.tune.seed},
                                              kRaceSeconds, &judged.candidates);
  if (!status.ok()) return status;
  judged.final_candidate = runtime::JudgeVariants(
      {.max_error = job.tune.constraints.max_error, .min_gain = job.min_gain}, job.tune.seed,
      &judged.candidates);
  return judged;
}

std::string Justification(const Judged& judged) {
  if (!judged.final_candidate) return "none: nothing is within the error that is allowed";
  const VariantCandidate& c = judged.candidates[*judged.final_candidate];
  const std::string name = NameOf(judged.variants[c.variant]);
  const std::string baseline = NameOf(judged.variants[0]);
  if (*judged.final_candidate == 0) {
    return absl::StrFormat(
        "%s as asked, tuned: no other variant is within the error and gains "
        "enough over it",
        baseline);
  }
  return absl::StrFormat("%s: %+.1f %% (%+.1f … %+.1f) over %s tuned, error %.2g", name,
                         (c.gain.value - 1) * 100, (c.gain.low - 1) * 100, (c.gain.high - 1) * 100,
                         baseline, c.evaluation.max_error);
}

std::string Text(const Judged& judged) {
  std::vector<std::vector<std::string>> rows = {{"VARIANT", "", ">ERROR", ">MEAN", ">P50", ">P95",
                                                 ">P99", ">SCRATCH", ">GAIN", "", "WHY", "CONFIG"}};
  for (size_t i = 0; i < judged.candidates.size(); ++i) {
    const VariantCandidate& c = judged.candidates[i];
    const runtime::Statistics& s = c.evaluation.seconds;
    rows.push_back({NameOf(judged.variants[c.variant]), c.winner ? "tuned" : "finalist",
                    absl::StrFormat("%.2g", c.evaluation.max_error), Seconds(s.mean),
                    Seconds(s.median), Seconds(s.p95), Seconds(s.p99),
                    Bytes(static_cast<double>(c.evaluation.scratch_bytes)),
                    i == 0 ? ""
                           : absl::StrFormat("%+.1f %% (%+.1f … %+.1f)", (c.gain.value - 1) * 100,
                                             (c.gain.low - 1) * 100, (c.gain.high - 1) * 100),
                    c.kept ? "kept" : "dropped", c.reason, jit::ToString(c.evaluation.config)});
  }
  std::string text = Table(rows);
  for (size_t i = 0; i < judged.variants.size(); ++i) {
    if (judged.failed[i].empty()) continue;
    absl::StrAppend(&text, NameOf(judged.variants[i]), "  dropped: ", judged.failed[i], "\n");
  }
  std::vector<std::pair<std::string, std::string>> fields = {
      {"final", Justification(judged)},
      {"baseline", NameOf(judged.variants[0]) + ", tuned: gains are over it, paired"}};
  for (size_t i = 0; i < judged.variants.size(); ++i) {
    if (judged.conversions[i].what.empty()) continue;
    fields.emplace_back("apart", absl::StrCat(judged.conversions[i].what, ": ",
                                              Seconds(judged.conversions[i].seconds)));
  }
  for (const std::string& path : judged.saved) fields.emplace_back("saved", path);
  return text + Fields(fields);
}

Json ToJson(const Judged& judged) {
  Json json = {{"baseline", NameOf(judged.variants[0])}};
  json["variants"] = Json::array();
  for (size_t i = 0; i < judged.variants.size(); ++i) {
    json["variants"].push_back({{"name", NameOf(judged.variants[i])},
                                {"problem", cli::ToJson(judged.variants[i].problem)},
                                {"layout", Name(judged.variants[i].layout)},
                                {"failed", OrNull(judged.failed[i])},
                                {"conversion", OrNull(judged.conversions[i].what)},
                                {"conversion_seconds", Number(judged.conversions[i].seconds)}});
  }
  json["candidates"] = Json::array();
  for (const VariantCandidate& c : judged.candidates) {
    json["candidates"].push_back({{"variant", c.variant},
                                  {"tuned", c.winner},
                                  {"evaluation", EvaluationJson(c.evaluation)},
                                  {"gain", Number(c.gain.value)},
                                  {"gain_low", Number(c.gain.low)},
                                  {"gain_high", Number(c.gain.high)},
                                  {"kept", c.kept},
                                  {"reason", c.reason}});
  }
  json["final"] = judged.final_candidate ? Json(*judged.final_candidate) : Json(nullptr);
  json["justification"] = Justification(judged);
  json["saved"] = judged.saved;
  return json;
}

}  // namespace

std::vector<std::string_view> VariantWords() {
  std::vector<std::string_view> words = {"dtype", "layout"};
  for (const jit::DType dtype : kTypes) words.push_back(jit::Name(dtype));
  for (const Layout layout : kLayouts) words.push_back(Name(layout));
  return words;
}

std::vector<Variant> ExpandVariants(const jit::Problem& problem, Layout layout,
                                    const std::vector<std::string>& words) {
  auto named = [&](std::string_view group, std::string_view word) {
    return std::find(words.begin(), words.end(), group) != words.end() ||
           std::find(words.begin(), words.end(), word) != words.end();
  };
  const jit::DType asked = std::visit([](const auto& p) { return p.dtype; }, problem);
  std::vector<Variant> variants = {{problem, runtime::Effective(layout, problem)}};
  for (const Layout other : kLayouts) {
    if (other != variants[0].layout && !named("layout", Name(other))) continue;
    if (runtime::Effective(other, problem) != other) continue;  // one head: they are the same
    for (const jit::DType dtype : kTypes) {
      if (dtype != asked && !named("dtype", jit::Name(dtype))) continue;
      if (dtype == asked && other == variants[0].layout) continue;
      Variant& variant = variants.emplace_back(Variant{problem, other});
      std::visit([&](auto& p) { p.dtype = dtype; }, variant.problem);
    }
  }
  return variants;
}

int TuneVariants(const std::vector<jit::Problem>& problems, const VariantsJob& job,
                 const jit::Cpu& cpu, Json document, const Interrupt& interrupt) {
  document["variants"] = Json::array();
  int exit_code = kDone;
  for (const jit::Problem& problem : problems) {
    if (interrupt.stop()) break;
    if (!job.json) std::printf("%s\n", Bold(jit::Describe(problem), stdout).c_str());
    std::fflush(stdout);
    const auto judged = Run(problem, job, cpu, interrupt);
    if (!judged.ok()) {
      exit_code = Fail(judged.status());
      continue;
    }
    if (job.json) {
      document["variants"].push_back(ToJson(*judged));
    } else {
      std::fputs(Text(*judged).c_str(), stdout);
    }
  }
  document["interrupted"] = interrupt.stop().load();
  if (job.json) PrintJson(document);
  return interrupt.stop() ? kInterrupted : exit_code;
}

}  // namespace jitattn::cli
