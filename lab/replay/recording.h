// A space with everything that was measured of it, and the two file formats in which autotuners
// exchange such recordings.

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
  double cost = 0;              // seconds, as its tuner compares; infinite if it failed
  std::vector<double> samples;  // seconds; may be missing
  double compile_seconds = 0, benchmark_seconds = 0;  // what looking at it took; 0 if not known
  std::string error;                                  // why it failed; empty if it did not
  std::string timestamp;                              // as the file has it

  bool failed() const { return !error.empty(); }
};

struct Recording {
  std::string device, kernel;
  std::vector<int64_t> problem_size;
  search::Space space;
  std::vector<RecordedPoint> points;  // by rank
  std::vector<int>
      seeds;  // ranks that a search would have begun with, best guess first; may be none
};

// Kernel Tuner's cache file, any schema to 1.1: JSON with `tune_params_keys`, `tune_params` and
// `cache`. Times in it are milliseconds. Numbers become ordered parameters (logarithmic where their
// steps grow), words become categories; a file that was not closed, as a tuner leaves it when
// interrupted, is read as far as it goes. An entry's place among the seeds, from 1, is its field
// `seed`, which Kernel Tuner passes over. InvalidArgument names the entry and what is wrong.
absl::StatusOr<Recording> ReadKernelTunerCache(std::string_view text);
std::string WriteKernelTunerCache(const Recording& recording);

// The T4 results format 1.0.0: JSON with a list `results` of configurations, their times and
// whether they are valid. It names no parameters beyond those of the configurations, no device, no
// kernel and no problem.
absl::StatusOr<Recording> ReadT4Results(std::string_view text);
std::string WriteT4Results(const Recording& recording);

// Either, told apart by their keys.
absl::StatusOr<Recording> ReadRecording(std::string_view text);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_RECORDING_H_
