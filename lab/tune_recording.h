// `jitattn tune --record`: writes all measurements to a file that other tuners can read.

#ifndef JITATTN_LAB_TUNE_RECORDING_H_
#define JITATTN_LAB_TUNE_RECORDING_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cli/tune_jobs.h"
#include "lab/replay/recording.h"
#include "ops/problem.h"
#include "runtime/measure.h"

namespace jitattn::lab {

struct RecordedEvaluation {
  runtime::Evaluation evaluation;
  double wall_s = 0;  // wall time of the evaluation
  std::string timestamp;
};

// Records the evaluations that pass from the real measurer to the tuner. No candidate is dropped
// for being slow, since a recording needs the time of every point.
class RecordingMeasurer final : public runtime::Measurer {
 public:
  // Keeps at most `max_samples` samples of a point. REQUIRES: `inner` outlives this object.
  RecordingMeasurer(runtime::Measurer& inner, int max_samples)
      : inner_(inner), max_samples_(max_samples) {}

  runtime::Evaluation Evaluate(const ops::Config& config, const Limits& limits) override;
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config> configs,
                                                        int rounds, double deadline_s) override {
    return inner_.Race(configs, rounds, deadline_s);
  }
  double Now() override { return inner_.Now(); }
  void Wait(double seconds) override { inner_.Wait(seconds); }

  // Each configuration once, without evaluations that the deadline ended before the first sample.
  const std::vector<RecordedEvaluation>& evaluations() const { return evaluations_; }

 private:
  runtime::Measurer& inner_;
  const int max_samples_;
  std::vector<RecordedEvaluation> evaluations_;
};

// Makes the space of the evaluated points. Fields with the same value in all points are not
// parameters; the recording's kernel name has them. `guesses`, best first, are a search's first
// points; those that were evaluated are marked as seeds. REQUIRES: at least one evaluation.
absl::StatusOr<Recording> MakeRecording(const ops::Problem& problem, const Cpu& cpu,
                                        std::span<const RecordedEvaluation> evaluations,
                                        std::span<const ops::Config> guesses);

// Returns a recorder that writes a tuning's measurements to `file`, at most `samples` per point.
std::shared_ptr<cli::TuneRecorder> MakeTuneRecorder(std::string file, int samples);

// Returns `file`; with `several` problems, "spaces.KEY.json" for "spaces.json".
std::string RecordingPath(const std::string& file, const std::string& key, bool several);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_RECORDING_H_
