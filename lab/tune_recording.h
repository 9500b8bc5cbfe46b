// `jitattn tune --record`: everything that was measured, in a file that other tuners read too.

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
  double wall_s = 0;  // what it took in all
  std::string timestamp;
};

// Between the tuner and the real measurer. No candidate is dropped for being slow: a recording
// wants each point's own time.
class RecordingMeasurer final : public runtime::Measurer {
 public:
  // Keeps at most `max_samples` samples of a point. `inner` must outlive this.
  RecordingMeasurer(runtime::Measurer& inner, int max_samples)
      : inner_(inner), max_samples_(max_samples) {}

  runtime::Evaluation Evaluate(const ops::Config& config, const Limits& limits) override;
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config> configs,
                                                        int rounds, double deadline_s) override {
    return inner_.Race(configs, rounds, deadline_s);
  }
  double Now() override { return inner_.Now(); }
  void Wait(double seconds) override { inner_.Wait(seconds); }

  // Each config once. What the deadline cut off before its first sample is left out.
  const std::vector<RecordedEvaluation>& evaluations() const { return evaluations_; }

 private:
  runtime::Measurer& inner_;
  const int max_samples_;
  std::vector<RecordedEvaluation> evaluations_;
};

// The space of the points that were looked at. Fields that have one value in all of them are no
// parameters; they stand in the kernel's name. `guesses`, best first, are what a search would begin
// with; those that were looked at are marked as seeds. REQUIRES: at least one evaluation.
absl::StatusOr<Recording> MakeRecording(const ops::Problem& problem, const Cpu& cpu,
                                        std::span<const RecordedEvaluation> evaluations,
                                        std::span<const ops::Config> guesses);

// Writes a tuning's measurements to `file`, `samples` of a point at most.
std::shared_ptr<cli::TuneRecorder> MakeTuneRecorder(std::string file, int samples);

// `file`, or where several problems share it "spaces.KEY.json" for "spaces.json".
std::string RecordingPath(const std::string& file, const std::string& key, bool several);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_RECORDING_H_
