// Evaluations → a recorded space.

#include "cli/tune_recording.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "jit/config.h"

namespace jitattn::cli {
namespace {

using Outcome = runtime::Evaluation::Outcome;

std::vector<int64_t> SizesOf(const jit::Problem& problem) {
  if (const auto* p = std::get_if<jit::AttentionProblem>(&problem)) {
    return {p->batch, p->heads, p->q_len, p->kv_len, p->head_dim, p->value_dim};
  }
  const auto& p = std::get<jit::SigmoidMulProblem>(problem);
  return {p.rows, p.cols};
}

search::Parameter ParameterOf(const jit::Field& field, const std::set<int>& values) {
  using Kind = search::Parameter::Kind;
  search::Parameter parameter{.name = std::string(field.name)};
  parameter.values.assign(values.begin(), values.end());
  parameter.kind = field.is_log ? Kind::kLog : Kind::kLinear;
  for (const int value : field.labels.empty() ? std::set<int>{} : values) {
    parameter.labels.emplace_back(field.labels[static_cast<size_t>(value)]);
    parameter.kind = Kind::kCategorical;
  }
  return parameter;
}

std::string ValueText(const jit::Field& field, int value) {
  return field.labels.empty() ? absl::StrCat(value)
                              : std::string(field.labels[static_cast<size_t>(value)]);
}

search::RecordedPoint PointOf(const RecordedEvaluation& recorded) {
  const runtime::Evaluation& evaluation = recorded.evaluation;
  search::RecordedPoint point;
  point.compile_seconds = evaluation.emit_s;
  point.benchmark_seconds = std::max(0.0, recorded.wall_s - evaluation.emit_s);
  point.timestamp = recorded.timestamp;
  if (evaluation.outcome == Outcome::kMeasured) {
    // What this tuner compares by: noise only adds time.
    point.cost = evaluation.seconds.min;
    point.samples = evaluation.samples;
  } else {
    point.cost = std::numeric_limits<double>::infinity();
    const bool ran = evaluation.outcome == Outcome::kWrong || evaluation.first_call_s > 0;
    point.error = ran ? "RuntimeFailedConfig" : "CompilationFailedConfig";
  }
  return point;
}

}  // namespace

runtime::Evaluation RecordingMeasurer::Evaluate(const jit::Config& config, const Limits& limits) {
  Limits patient = limits;
  patient.incumbent_s = 0;
  const double start = inner_.Now();
  const runtime::Evaluation evaluation = inner_.Evaluate(config, patient);
  const double end = inner_.Now();
  if (evaluation.outcome == Outcome::kFailed && end >= limits.deadline_s) return evaluation;
  RecordedEvaluation recorded{
      evaluation, end - start,
      absl::FormatTime("%Y-%m-%d %H:%M:%S+00:00", absl::Now(), absl::UTCTimeZone())};
  recorded.evaluation.config = config;
  std::vector<double>& samples = recorded.evaluation.samples;
  if (std::ssize(samples) > max_samples_) samples.resize(static_cast<size_t>(max_samples_));
  // Asked again, it was measured at greater length.
  const auto known = std::find_if(
      evaluations_.begin(), evaluations_.end(),
      [&](const RecordedEvaluation& other) { return other.evaluation.config == config; });
  if (known == evaluations_.end()) {
    evaluations_.push_back(std::move(recorded));
  } else {
    *known = std::move(recorded);
  }
  return evaluation;
}

absl::StatusOr<search::Recording> MakeRecording(const jit::Problem& problem, const jit::Cpu& cpu,
                                                std::span<const RecordedEvaluation> evaluations,
                                                std::span<const jit::Config> guesses) {
  std::vector<const jit::Field*> fields;
  std::vector<search::Parameter> parameters;
  std::string fixed;
  for (const jit::Field& field : jit::Fields(jit::OpOf(problem))) {
    std::set<int> values;
    for (const RecordedEvaluation& e : evaluations) values.insert(field.get(e.evaluation.config));
    // A space has a parameter at least, even if all that was looked at is one point.
    if (values.size() == 1 && (field.name != "threads" || !parameters.empty())) {
      absl::StrAppend(&fixed, " ", std::string(field.name), "=", ValueText(field, *values.begin()));
      continue;
    }
    fields.push_back(&field);
    parameters.push_back(ParameterOf(field, values));
  }

  std::vector<search::Point> where;
  for (const RecordedEvaluation& e : evaluations) {
    search::Point& point = where.emplace_back();
    for (size_t p = 0; p < fields.size(); ++p) {
      const std::vector<double>& values = parameters[p].values;
      const int value = fields[p]->get(e.evaluation.config);
      point.push_back(
          static_cast<int>(std::lower_bound(values.begin(), values.end(), value) - values.begin()));
    }
  }
  absl::StatusOr<search::Space> space = search::Space::FromPoints(std::move(parameters), where);
  if (!space.ok()) return space.status();
  search::Recording recording{.device = cpu.brand,
                              .kernel = absl::StrCat(jit::Describe(problem), ";", fixed),
                              .problem_size = SizesOf(problem),
                              .space = *std::move(space),
                              .points = {},
                              .seeds = {}};
  recording.points.resize(evaluations.size());
  for (size_t i = 0; i < evaluations.size(); ++i) {
    recording.points[static_cast<size_t>(*recording.space.RankOf(where[i]))] =
        PointOf(evaluations[i]);
  }
  for (const jit::Config& guess : guesses) {
    const auto it = std::find_if(
        evaluations.begin(), evaluations.end(),
        [&guess](const RecordedEvaluation& e) { return e.evaluation.config == guess; });
    if (it == evaluations.end()) continue;
    recording.seeds.push_back(
        *recording.space.RankOf(where[static_cast<size_t>(it - evaluations.begin())]));
  }
  return recording;
}

std::string RecordingPath(const std::string& file, const std::string& key, bool several) {
  if (!several) return file;
  const std::filesystem::path path(file);
  const std::string extension = path.extension(), stem = path.stem();
  return path.parent_path() / absl::StrCat(stem, ".", key, extension);
}

}  // namespace jitattn::cli
