// A recording: a search space with the measurements of its points; and the two file formats in
// which autotuners exchange recordings.

#ifndef JITATTN_LAB_REPLAY_RECORDING_H_
#define JITATTN_LAB_REPLAY_RECORDING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/space.h"
#include "search/trial.h"

namespace jitattn::lab {

struct RecordedPoint {
  double cost = 0;  // seconds, the figure that its tuner compares; infinite if it failed
  std::vector<double> samples;                        // seconds; may be missing
  double compile_seconds = 0, benchmark_seconds = 0;  // cost of evaluating the point; 0: unknown
  std::string error;                                  // why it failed; empty if it did not
  std::string timestamp;                              // copied from the file

  bool failed() const { return !error.empty(); }
};

struct Recording {
  std::string device, kernel;
  std::vector<int64_t> problem_size;
  search::Space space;
  std::vector<RecordedPoint> points;  // by rank
  std::vector<int> seeds;  // ranks to start a search with, best guess first; may be empty
};

// Kernel Tuner's cache file, any schema up to 1.1: JSON with `tune_params_keys`, `tune_params` and
// `cache`; times are milliseconds. Numeric values become ordered parameters (logarithmic where
// their steps grow), strings become categories. A file without its closing brackets, which an
// interrupted tuner leaves behind, is read up to its end. An entry's field `seed` is its position
// among the seeds, from 1; Kernel Tuner ignores this field. InvalidArgument names the entry and the
// error.
absl::StatusOr<Recording> ReadKernelTunerCache(std::string_view text);
std::string WriteKernelTunerCache(const Recording& recording);

// The T4 results format 1.0.0: JSON with a list `results` of configurations, their times and
// validity. The format names the parameters only within configurations, and stores no device, no
// kernel and no problem.
absl::StatusOr<Recording> ReadT4Results(std::string_view text);
std::string WriteT4Results(const Recording& recording);

// Reads either format, distinguished by its keys.
absl::StatusOr<Recording> ReadRecording(std::string_view text);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_RECORDING_H_
