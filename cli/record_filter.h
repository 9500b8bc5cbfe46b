// The flags of `jitattn cache` that select records.

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

// Selects the records that agree with every given flag; without flags, all records.
struct RecordFilter {
  ProblemFlags problem;
  std::optional<int> threads;
  std::string isa, buffers;

  void AddTo(CLI::App* command);
  bool Any() const;  // a flag was given
  bool Matches(const cache::Record& record) const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_RECORD_FILTER_H_
