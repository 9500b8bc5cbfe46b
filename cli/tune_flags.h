// The flags of `jitattn tune`.

#ifndef JITATTN_CLI_TUNE_FLAGS_H_
#define JITATTN_CLI_TUNE_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/goal_flags.h"
#include "cli/problem_flags.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

// More samples than any measurement takes.
inline constexpr int kMaxRecordSamples = 1000000;

struct TuneFlags {
  ProblemFlags problem;
  std::string preset;
  bool stale = false;  // the problems of records with stale code, in place of the flags' problems
  std::string from;    // a file of problems in their place
  bool reads_from = false;
  bool force = false;  // with `from`: also problems that have a fresh record
  MachineFlags machine;
  GoalFlags goals;
  std::string layout;                 // empty: columns with --dim, else heads
  std::vector<std::string> variants;  // --variants
  std::optional<double> min_gain;
  std::string space = "full";
  std::string strategy;  // empty: the default of the space
  std::vector<std::string> strategy_options;
  std::optional<int> evaluations;
  std::optional<double> seconds;
  uint64_t seed = 1;
  std::vector<std::string> fields;  // --fields
  std::string record, csv;
  int record_samples = kMaxRecordSamples;
  bool quiet = false, json = false;

  void AddTo(CLI::App* command);

  // True if the laboratory implements these flags: presets, studies, variants, recordings.
  bool WantLaboratory() const {
    return !preset.empty() || space == "study-a" || !variants.empty() || !record.empty();
  }

  // Sets the flags that follow from others. InvalidArgument if flags contradict each other.
  absl::Status Settle();

 private:
  void AddProblems(CLI::App* command);
  void AddSearch(CLI::App* command);
  void AddGoals(CLI::App* command);
  void AddOutput(CLI::App* command);
  absl::Status CheckPreset() const;
  absl::Status CheckOwnProblems() const;
  absl::Status CheckStudy() const;
  absl::Status CheckVariants() const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_FLAGS_H_
