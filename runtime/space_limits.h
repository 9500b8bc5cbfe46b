// Limits of a search space, to record it whole or to study it.

#ifndef JITATTN_RUNTIME_SPACE_LIMITS_H_
#define JITATTN_RUNTIME_SPACE_LIMITS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/cpu.h"
#include "cache/record.h"
#include "ops/operation.h"

namespace jitattn::runtime {

// The values that a field may take instead of its steps; if empty, only the default's value. The
// default's value is always included, since the default is a point of every space.
struct FieldLimit {
  std::string field;
  std::vector<int> values;  // ascending
};

struct SpaceLimits {
  std::vector<FieldLimit> fields;  // the first of a name counts
  // Names of the algorithms in the space besides the default's; empty: all.
  std::vector<std::string> algorithms;
  bool default_algorithm_only = false;
  // A larger space keeps the points with the best EstimateCycles, and the default.
  int max_points = 1 << 30;

  const FieldLimit* Find(std::string_view field) const;
  bool Allows(std::string_view algorithm) const;
};

// A space of at most 2000 points, which can be searched whole in a minute. Fields with little
// measured effect (Field::minor) and the algorithm are the default's; the others have their
// small_steps, where they have any.
SpaceLimits SmallSpace(const ops::Operation& operation);

// Excludes stores that bypass the caches (Field::bypasses_caches) if the operands fit into the
// last-level cache and are not cold. The next reader of the result wants it in the cache, too, and
// timing the kernel alone does not show that. Does nothing for a field that `limits` mention.
void KeepResultsInCaches(const ops::Problem& problem, const Cpu& cpu, ops::Buffers buffers,
                         SpaceLimits* limits);

// Adds a limit such as "kv_block=64:128", "pv=natural" or "algorithm=rows". InvalidArgument: a text
// of another form, a field that no algorithm of `operations` has, `isa` (which is set otherwise), a
// value that is on no ladder of the field.
absl::Status AddLimit(std::string_view text, std::span<const ops::Operation* const> operations,
                      SpaceLimits* limits);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SPACE_LIMITS_H_
