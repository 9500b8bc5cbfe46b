// Which records the flags of `jitattn cache` mean.

#ifndef JITATTN_CLI_RECORD_FILTER_H_
#define JITATTN_CLI_RECORD_FILTER_H_

#include <optional>
#include <string>

#include "cache/record.h"
#include "cli/problem_flags.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

// Every flag that is given must agree with the problem that was tuned; no flag, every record.
struct RecordFilter {
  ProblemFlags problem;
  std::optional<int> threads;
  std::string isa, buffers;

  void AddTo(CLI::App* command);
  bool Any() const;  // is there a flag at all?
  bool Matches(const cache::Record& record) const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_RECORD_FILTER_H_
