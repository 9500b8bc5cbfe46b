// A file of problems that had no exact record when a plan was made: a line for each, of the flags
// with which `jitattn tune` tunes it. docs/cache-format.md describes it.

#ifndef JITATTN_CACHE_MISSES_H_
#define JITATTN_CACHE_MISSES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ops/conditions.h"
#include "ops/problem.h"

namespace jitattn::cache {

// A line of the file.
struct Miss {
  ops::Problem problem;
  ops::RequestedConditions conditions;
  std::optional<Isa> isa;  // none: the best that the process may use
};

// The line of a problem: that of its record (ops::OfRecord), so that all problems of a record have
// the same line. Without a newline. Empty if no line describes the problem: one that cannot be
// tuned, without queries or keys.
std::string MissLine(const ops::Problem& problem, const ops::Conditions& conditions);

// Parses a line from an untrusted source. InvalidArgument, with the word and the rule, if it does
// not describe exactly one valid problem, with sizes of 1 or more.
absl::StatusOr<Miss> ParseMiss(std::string_view line);

// The lines of a whole file, without repeated ones. Empty lines and those that begin with '#' are
// ignored.
struct Misses {
  struct Line {
    int number;  // from 1
    Miss miss;
  };
  struct BadLine {
    int number;
    std::string why;
  };
  std::vector<Line> lines;
  std::vector<BadLine> bad;
};
Misses ParseMisses(std::string_view text);

// Appends a line, unless the file has it. Errors as AppendLineOnce (cache/files.h).
inline constexpr int64_t kMaxMissBytes = 1 << 20;
absl::Status AppendMiss(const std::string& path, std::string_view line);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_MISSES_H_
