// Reports of `jitattn tune`.

#include "cli/tune_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"
#include "jit/config.h"

namespace jitattn::cli {
namespace {

// Of the fastest run, since a peak is the best that was seen too.
double Fraction(const Tuned& tuned) {
  const cache::Record& record = tuned.report.record;
  return Rate(record.problem, record.result.min_s) * 1e9 / tuned.peak;
}

std::string GainText(const cache::Record& record) {
  const cache::Record::Result& result = record.result;
  if (record.config == result.default_config) return "none: the default is the winner";
  return absl::StrFormat("%s over the default (%s … %s)", Percent(result.gain - 1),
                         Percent(result.gain_low - 1), Percent(result.gain_high - 1));
}

Json RecordedJson(const std::optional<Recorded>& recorded) {
  if (!recorded) return nullptr;
  return {{"path", recorded->path},
          {"points", recorded->points},
          {"space_size", recorded->space_size}};
}

}  // namespace

std::string ReportText(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  const cache::Record::Result& result = record.result;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"winner", jit::ToString(record.config)},
      {"kernel", record.kernel},
      {"speed", absl::StrFormat("%s: median %s, spread %s, fastest %s of %d runs",
                                RateText(record.problem, result.median_s), Seconds(result.median_s),
                                Seconds(result.mad_s), Seconds(result.min_s), result.samples)},
      {"peak", absl::StrFormat("%.1f %% of %.1f %s, measured between the runs: %s",
                               Fraction(tuned) * 100, tuned.peak * 1e-9,
                               RateUnit(jit::OpOf(record.problem)), tuned.peak_describe)},
      {"gain", GainText(record)},
      {"decision", report.decision},
      {"max error",
       absl::StrFormat("%.2g against %s", result.max_error, ReferenceName(record.problem))},
      {"search", absl::StrFormat("%d evaluations of a space of %d, strategy %s, seed %d, %s",
                                 result.evaluations, result.space_size, result.strategy,
                                 result.seed, Seconds(result.tuning_s))}};
  if (!result.machine_flags.empty()) {
    fields.emplace_back("beware", absl::StrJoin(result.machine_flags, ", "));
  }
  if (report.path.empty()) {
    fields.emplace_back("not saved", report.not_saved);
  } else {
    fields.emplace_back("saved", report.path);
  }
  return Fields(fields);
}

std::string ReportLine(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  return absl::StrFormat(
      "%s: %s, %.1f %% of peak, %s, %s\n", jit::Describe(record.problem),
      RateText(record.problem, record.result.median_s), Fraction(tuned) * 100, GainText(record),
      report.path.empty() ? "not saved: " + report.not_saved : "saved " + report.path);
}

std::string RecordedText(const Recorded& recorded) {
  return absl::StrFormat("recorded %d of %d points: %s", recorded.points, recorded.space_size,
                         recorded.path);
}

Json ReportJson(const Tuned& tuned) {
  const runtime::TuneReport& report = tuned.report;
  const cache::Record& record = report.record;
  const bool attention = jit::OpOf(record.problem) == jit::Op::kAttention;
  return {
      {"record", ToJson(record)},
      {attention ? "gflops" : "gbytes_per_s", Number(Rate(record.problem, record.result.median_s))},
      {"peak", Number(tuned.peak * 1e-9)},
      {"peak_describe", tuned.peak_describe},
      {"fraction", Number(Fraction(tuned))},
      {"decision", report.decision},
      {"best_found", ToJson(report.best_found)},
      {"interrupted", report.interrupted},
      {"path", OrNull(report.path)},
      {"not_saved", OrNull(report.not_saved)},
      {"recorded", RecordedJson(tuned.recorded)}};
}

}  // namespace jitattn::cli
