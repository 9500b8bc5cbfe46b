// Makes a recording of evaluations.

#include "lab/tune_recording.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/text_file.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "runtime/seeds.h"
#include "runtime/tuning_space.h"

namespace jitattn::lab {
namespace {

using Outcome = runtime::Evaluation::Outcome;

std::vector<int64_t> SizesOf(const ops::Problem& problem) {
  std::vector<int64_t> sizes;
  for (const ops::Dim& dim : problem.operation().dims) sizes.push_back(dim.get(problem));
  return sizes;
}

search::Parameter ParameterOf(const ops::Field& field, const std::set<int>& values) {
  using Kind = search::Parameter::Kind;
  search::Parameter parameter{.name = std::string(field.name)};
  parameter.values.assign(values.begin(), values.end());
  parameter.kind = field.is_log ? Kind::kLog : Kind::kLinear;
  if (*values.rbegin() < static_cast<int>(field.labels.size())) {
    for (const int value : values) {
      parameter.labels.emplace_back(field.labels[static_cast<size_t>(value)]);
    }
    parameter.kind = Kind::kCategorical;
  }
  return parameter;
}

// Returns the value of a field by name; `otherwise` if the configuration's algorithm has no such
// field.
int ValueOf(const ops::Config& config, std::string_view name, int otherwise) {
  const ops::Field* const field = ops::FindField(config.algorithm(), name);
  return field != nullptr ? field->get(config) : otherwise;
}

// The parameters of the recorded space: the algorithm, if it varies, and every field that varies.
struct RecordedAxes {
  std::vector<const ops::Algorithm*> algorithms;
  std::vector<const ops::Field*> fields;  // one parameter each, after that for the algorithm
  std::vector<search::Parameter> parameters;
  std::string fixed;  // " name=value" for each field that does not vary
};

RecordedAxes AxesOf(const ops::Operation& operation,
                    std::span<const RecordedEvaluation> evaluations) {
  RecordedAxes axes;
  for (const ops::Algorithm* algorithm : operation.algorithms) {
    const bool occurs = std::any_of(
        evaluations.begin(), evaluations.end(),
        [&](const RecordedEvaluation& e) { return &e.evaluation.config.algorithm() == algorithm; });
    if (occurs) axes.algorithms.push_back(algorithm);
  }
  if (axes.algorithms.size() > 1) {
    search::Parameter which{.name = "algorithm", .kind = search::Parameter::Kind::kCategorical};
    for (const ops::Algorithm* algorithm : axes.algorithms) {
      which.values.push_back(static_cast<double>(which.values.size()));
      which.labels.emplace_back(algorithm->name);
    }
    axes.parameters.push_back(std::move(which));
  } else {
    absl::StrAppend(&axes.fixed, " algorithm=", std::string(axes.algorithms.front()->name));
  }
  std::set<std::string_view> seen;
  for (const ops::Algorithm* algorithm : axes.algorithms) {
    for (const ops::Field& field : algorithm->fields) {
      if (!seen.insert(field.name).second) continue;
      std::set<int> values;
      for (const RecordedEvaluation& e : evaluations) {
        const ops::Config& config = e.evaluation.config;
        if (ops::FindField(config.algorithm(), field.name) != nullptr) {
          values.insert(ValueOf(config, field.name, 0));
        }
      }
      // A space needs at least one parameter, even if it has a single point: `threads` then serves.
      if (values.size() == 1 &&
          (field.role != ops::Field::Role::kThreads || !axes.parameters.empty())) {
        absl::StrAppend(&axes.fixed, " ", std::string(field.name), "=",
                        ops::ValueText(field, *values.begin()));
        continue;
      }
      axes.fields.push_back(&field);
      axes.parameters.push_back(ParameterOf(field, values));
    }
  }
  return axes;
}

search::Point PointIn(const RecordedAxes& axes, const ops::Config& config) {
  search::Point point;
  if (axes.algorithms.size() > 1) {
    point.push_back(static_cast<int>(
        std::find(axes.algorithms.begin(), axes.algorithms.end(), &config.algorithm()) -
        axes.algorithms.begin()));
  }
  for (const ops::Field* field : axes.fields) {
    const std::vector<double>& values = axes.parameters[point.size()].values;
    const int value = ValueOf(config, field->name, static_cast<int>(values.front()));
    point.push_back(
        static_cast<int>(std::lower_bound(values.begin(), values.end(), value) - values.begin()));
  }
  return point;
}

RecordedPoint PointOf(const RecordedEvaluation& recorded) {
  const runtime::Evaluation& evaluation = recorded.evaluation;
  RecordedPoint point;
  point.compile_seconds = evaluation.emit_s;
  point.benchmark_seconds = std::max(0.0, recorded.wall_s - evaluation.emit_s);
  point.timestamp = recorded.timestamp;
  if (evaluation.outcome == Outcome::kMeasured) {
    // The minimum is the figure that the tuner compares, since noise only adds time.
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

runtime::Evaluation RecordingMeasurer::Evaluate(const ops::Config& config, const Limits& limits) {
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
  // A second evaluation of a configuration has more samples, so it replaces the first.
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

absl::StatusOr<Recording> MakeRecording(const ops::Problem& problem, const Cpu& cpu,
                                        std::span<const RecordedEvaluation> evaluations,
                                        std::span<const ops::Config> guesses) {
  RecordedAxes axes = AxesOf(problem.operation(), evaluations);
  std::vector<search::Point> where;
  for (const RecordedEvaluation& e : evaluations) {
    where.push_back(PointIn(axes, e.evaluation.config));
  }
  absl::StatusOr<search::Space> space =
      search::Space::FromPoints(std::move(axes.parameters), where);
  if (!space.ok()) return space.status();
  Recording recording{.device = cpu.brand,
                      .kernel = absl::StrCat(ops::Describe(problem), ";", axes.fixed),
                      .problem_size = SizesOf(problem),
                      .space = *std::move(space),
                      .points = {},
                      .seeds = {}};
  recording.points.resize(evaluations.size());
  for (size_t i = 0; i < evaluations.size(); ++i) {
    recording.points[static_cast<size_t>(*recording.space.RankOf(where[i]))] =
        PointOf(evaluations[i]);
  }
  for (const ops::Config& guess : guesses) {
    const auto it = std::find_if(
        evaluations.begin(), evaluations.end(),
        [&guess](const RecordedEvaluation& e) { return e.evaluation.config == guess; });
    if (it == evaluations.end()) continue;
    recording.seeds.push_back(
        *recording.space.RankOf(where[static_cast<size_t>(it - evaluations.begin())]));
  }
  return recording;
}

namespace {

class FileRecorder final : public cli::TuneRecorder {
 public:
  FileRecorder(std::string file, int samples) : file_(std::move(file)), samples_(samples) {}

  runtime::Measurer& Between(runtime::Measurer& measurer) override {
    return measurer_.emplace(measurer, samples_);
  }
  absl::StatusOr<std::optional<cli::Recorded>> Write(const cli::TuneJob& job) override;

 private:
  const std::string file_;
  const int samples_;
  std::optional<RecordingMeasurer> measurer_;
};

absl::StatusOr<std::optional<cli::Recorded>> FileRecorder::Write(const cli::TuneJob& job) {
  const runtime::TuneOptions& options = job.options;
  const Cpu& cpu = job.cpu;
  const int threads = options.conditions.threads;
  runtime::SpaceLimits limits = options.limits;  // the same as the tuner's
  runtime::KeepResultsInCaches(job.problem, cpu, options.conditions.buffers, &limits);
  const auto space = runtime::TuningSpace::Create(job.problem, cpu, threads, limits);
  if (!space.ok()) return space.status();
  // The tuner may also have measured an older record that lies outside this space; it is left out.
  std::vector<RecordedEvaluation> inside;
  for (const RecordedEvaluation& recorded : measurer_->evaluations()) {
    const ops::Config& config = recorded.evaluation.config;
    if (space->ConfigAt(space->RankOf(config)) == config) inside.push_back(recorded);
  }
  if (inside.empty()) return std::nullopt;
  std::vector<ops::Config> guesses;
  for (const runtime::Seed& seed :
       runtime::Seeds(job.problem, cpu, *space, ops::DefaultConfig(job.problem, cpu, threads),
                      std::nullopt, options.evaluations, options.seed)) {
    if (seed.origin != runtime::Origin::kLatin) guesses.push_back(space->ConfigAt(seed.rank));
  }
  const auto recording = MakeRecording(job.problem, cpu, inside, guesses);
  if (!recording.ok()) return recording.status();
  absl::Status status = cli::WriteTextFile(file_, WriteKernelTunerCache(*recording));
  if (!status.ok()) return status;
  return cli::Recorded{file_, recording->space.size(), space->space().size()};
}

}  // namespace

std::shared_ptr<cli::TuneRecorder> MakeTuneRecorder(std::string file, int samples) {
  return std::make_shared<FileRecorder>(std::move(file), samples);
}

std::string RecordingPath(const std::string& file, const std::string& key, bool several) {
  if (!several) return file;
  const std::filesystem::path path(file);
  const std::string extension = path.extension(), stem = path.stem();
  return path.parent_path() / absl::StrCat(stem, ".", key, extension);
}

}  // namespace jitattn::lab
