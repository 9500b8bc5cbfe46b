// The flags for the objectives of a tuning, and for the constraints that its winner must satisfy.

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
  // Copies the flags into `options`. InvalidArgument if an objective is named twice, or if time is
  // not among them.
  absl::Status Fill(runtime::TuneOptions* options) const;
};

// "300K" → 307200. The suffixes K, M and G are powers of 1024. None if `text` is not such a number.
std::optional<double> ParseBytes(const std::string& text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_GOAL_FLAGS_H_
