// The flags that say what a tuning looks for beside time, and what it must keep.

#ifndef JITATTN_CLI_GOAL_FLAGS_H_
#define JITATTN_CLI_GOAL_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/tuner.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

struct GoalFlags {
  std::vector<std::string> objectives = {"time"};
  std::optional<double> max_error;
  std::string max_memory;

  void AddTo(CLI::App* command);
  // InvalidArgument: an objective is named twice, or time is not among them.
  absl::Status Fill(runtime::TuneOptions* options) const;
};

// "300K" → 307200; suffixes K, M and G of 1024. None for what is no such number.
std::optional<double> ParseBytes(const std::string& text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_GOAL_FLAGS_H_
