// Reports of `jitattn tune`.

#include "cli/tune_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"
#include "ops/config.h"

namespace jitattn::cli {
namespace {

bool IsByFlops(const ops::Problem& problem) {
  return problem.operation().rate == ops::Rate::kFlops;
}

double Fraction(const Tuned& tuned) { return FastestRate(tuned.report.record) / tuned.peak; }

// "94.0 % of peak". No run can exceed the FMA units, so a run above the measured peak means that
// other work disturbed the measurement of the peak. Bandwidth is different: a copy is only usually
// the fastest access, so a run may exceed its rate.
std::string PeakShare(const Tuned& tuned) {
  const double fraction = Fraction(tuned);
  if (fraction <= 1) return absl::StrFormat("%.1f %% of peak", fraction * 100);
  return IsByFlops(tuned.report.record.problem) ? "peak disturbed" : "above the peak measured";
}

std::string PeakText(const Tuned& tuned) {
  const ops::Problem& problem = tuned.report.record.problem;
  const std::string measured =
      absl::StrFormat("%.1f %s, measured between the runs: %s", tuned.peak * 1e-9,
                      RateUnit(problem), tuned.peak_describe);
  const double fraction = Fraction(tuned);
  if (fraction <= 1) return absl::StrFormat("%.1f %% of %s", fraction * 100, measured);
  return absl::StrFormat("%sthe fastest run is above %s",
                         IsByFlops(problem) ? "disturbed by other work: " : "", measured);
}

std::string GainText(const cache::Record& record) {
  const cache::Record::Result& result = record.result;
  if (record.config == result.default_config) return "none: the default is the winner";
  return absl::StrFormat("%s over the default (%s … %s)", Percent(result.gain - 1),
                         Percent(result.gain_low - 1), Percent(result.gain_high - 1));
}

const runtime::Evaluation& WinnerOf(const runtime::TuneReport& report) {
  return report.finalists[static_cast<size_t>(report.winner)];
}

Json RecordedJson(const std::optional<Recorded>& recorded) {
  if (!recorded) return nullptr;
  return {
      {"path", recorded->path}, {"points", recorded->points}, {"space_size", recorded->space_size}};
}

std::string FrontText(const runtime::TuneReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"  FRONT", ">FASTEST", ">MEDIAN", ">SCRATCH", ">MAX ERROR", "CONFIG"}};
  for (const runtime::Evaluation& e : report.front) {
    const bool winner = e.config == report.record.config;
    const bool standing = e.config == report.record.result.default_config;
    rows.push_back({winner     ? "  winner"
                    : standing ? "  default"
                               : "",
                    Seconds(e.seconds.min), Seconds(e.seconds.median),
                    Bytes(static_cast<double>(e.scratch_bytes)),
                    absl::StrFormat("%.2g", e.max_error), ops::ToString(e.config)});
  }
  return Table(rows);
}

std::string_view OutcomeName(runtime::Evaluation::Outcome outcome) {
  static constexpr std::string_view kNames[] = {"ok", "censored", "infeasible", "wrong", "failed"};
  return kNames[static_cast<int>(outcome)];
}

Json EvaluationsJson(const std::vector<runtime::Evaluation>& evaluations) {
  Json json = Json::array();
  for (const runtime::Evaluation& e : evaluations) json.push_back(EvaluationJson(e));
  return json;
}

}  // namespace

Json EvaluationJson(const runtime::Evaluation& e) {
  const bool timed = !e.samples.empty();
  auto seconds = [&](double value) { return timed ? Number(value) : Json(nullptr); };
  return {{"config", ToJson(e.config)},
          {"status", OutcomeName(e.outcome)},
          {"reason", OrNull(e.error)},
          {"samples", e.samples.size()},
          {"seconds_mean", seconds(e.seconds.mean)},
          {"seconds_std", seconds(e.seconds.std)},
          {"cv", seconds(e.seconds.cv)},
          {"seconds_min", seconds(e.seconds.min)},
          {"seconds_median", seconds(e.seconds.median)},
          {"seconds_mad", seconds(e.seconds.mad)},
          {"seconds_p95", seconds(e.seconds.p95)},
          {"seconds_p99", seconds(e.seconds.p99)},
          {"seconds_max", seconds(e.seconds.max)},
          {"max_error", Number(e.max_error)},
          {"scratch_bytes", e.scratch_bytes},
          {"emit_seconds", Number(e.emit_s)},
          {"first_call_seconds", Number(e.first_call_s)}};
}

Json LookJson(const ops::Problem& problem, const runtime::TuneEvaluation& look, double peak) {
  const runtime::Evaluation& e = look.evaluation;
  // Rates are of the fastest run, as in all reports, since noise only adds time.
  auto rate = [&](double amount) {
    return e.samples.empty() ? Json(nullptr) : Number(amount / e.seconds.min);
  };
  auto if_known = [](double value) { return value > 0 ? Number(value) : Json(nullptr); };
  const double work = IsByFlops(problem) ? ops::Flops(problem) : ops::Bytes(problem);
  return {{"number", look.number},
          {"phase", look.is_final ? "final" : "search"},
          {"origin", runtime::Name(look.origin)},
          {"evaluation", EvaluationJson(e)},
          {"gflops", rate(ops::Flops(problem) * 1e-9)},
          {"gbytes_per_s", rate(ops::Bytes(problem) * 1e-9)},
          {"peak_fraction", peak > 0 ? rate(work / peak) : Json(nullptr)},
          {"elapsed_seconds", Number(look.elapsed_s)},
          {"best_seconds", if_known(look.best_s)},
          {"default_seconds", if_known(look.default_s)}};
}

double FastestRate(const cache::Record& record) {
  return Rate(record.problem, record.result.min_s) * 1e9;
}

std::string ReportText(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  const cache::Record::Result& result = record.result;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"winner", ops::ToString(record.config)},
      {"kernel", record.kernel},
      {"speed", absl::StrFormat("%s: median %s, spread %s, fastest %s of %d runs",
                                RateText(record.problem, result.median_s), Seconds(result.median_s),
                                Seconds(result.mad_s), Seconds(result.min_s), result.samples)},
      {"ready",
       absl::StrFormat("kernel emitted in %s, first call %s", Seconds(WinnerOf(report).emit_s),
                       Seconds(WinnerOf(report).first_call_s))},
      {"peak", PeakText(tuned)},
      {"gain", GainText(record)},
      {"decision", report.decision},
      {"max error",
       absl::StrFormat("%.2g against %s", result.max_error, ReferenceName(record.problem))},
      {"search", absl::StrFormat("%d evaluations of a space of %d, strategy %s, seed %d, %s",
                                 result.evaluations, result.space_size, result.strategy,
                                 result.seed, Seconds(result.tuning_s))}};
  const runtime::Evaluation& winner = report.finalists[report.winner];
  fields.insert(fields.end() - 1, {"scratch", Bytes(static_cast<double>(winner.scratch_bytes))});
  if (!result.machine_flags.empty()) {
    fields.emplace_back("warning", absl::StrJoin(result.machine_flags, ", "));
  }
  if (report.path.empty()) {
    fields.emplace_back("not saved", report.not_saved);
  } else {
    fields.emplace_back("saved", report.path);
  }
  return Fields(fields) + (report.front.empty() ? "" : FrontText(report));
}

std::string ReportLine(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  return absl::StrFormat(
      "%s: %s, %s, %s, %s\n", ops::Describe(record.problem),
      RateText(record.problem, record.result.median_s), PeakShare(tuned), GainText(record),
      report.path.empty() ? "not saved: " + report.not_saved : "saved " + report.path);
}

std::string RecordedText(const Recorded& recorded) {
  return absl::StrFormat("recorded %d of %d points: %s", recorded.points, recorded.space_size,
                         recorded.path);
}

Json ReportJson(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  return {{"record", ToJson(record)},
          {IsByFlops(record.problem) ? "gflops" : "gbytes_per_s",
           Number(Rate(record.problem, record.result.median_s))},
          {"peak", Number(tuned.peak * 1e-9)},
          {"peak_describe", tuned.peak_describe},
          {"fraction", Number(Fraction(tuned))},
          {"decision", report.decision},
          {"best_found", ToJson(report.best_found)},
          {"winner", report.winner},
          {"finalists", EvaluationsJson(report.finalists)},
          {"front", EvaluationsJson(report.front)},
          {"log", tuned.log},
          {"interrupted", report.interrupted},
          {"path", OrNull(report.path)},
          {"not_saved", OrNull(report.not_saved)},
          {"recorded", RecordedJson(tuned.recorded)}};
}

}  // namespace jitattn::cli
