// A smaller space than a problem's own: for recording it whole, and for studies.

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

// The values that a field may take in the place of its steps; none: only the default's. That value
// is always among them, since the default is a point of every space.
struct FieldLimit {
  std::string field;
  std::vector<int> values;  // ascending
};

struct SpaceLimits {
  std::vector<FieldLimit> fields;  // the first of a name counts
  // Algorithms that take part beside the default's, by name; empty: all.
  std::vector<std::string> algorithms;
  bool default_algorithm_only = false;
  // Beyond so many, those that EstimateCycles likes best, and the default.
  int max_points = 1 << 30;

  const FieldLimit* Find(std::string_view field) const;
  bool Allows(std::string_view algorithm) const;
};

// The fields that moved the time most where they were measured (Field::minor), the rest and the
// algorithm as the default has them: a space of at most 2000 points that can be searched whole in a
// minute.
SpaceLimits SmallSpace(const ops::Operation& operation);

// Leaves out results that bypass the caches (Field::bypasses_caches) where the operands fit the
// last level and are found there (not cold): whoever reads the result next wants it there too,
// which timing the kernel alone does not see. Nothing where `limits` say what is wanted of that
// field.
void KeepResultsInCaches(const ops::Problem& problem, const Cpu& cpu, ops::Buffers buffers,
                         SpaceLimits* limits);

// Adds "kv_block=64:128", "pv=natural" or "algorithm=rows". InvalidArgument: no such text, a field
// that no algorithm of `operations` has, `isa` (which is given otherwise), a value that is on none
// of their ladders.
absl::Status AddLimit(std::string_view text, std::span<const ops::Operation* const> operations,
                      SpaceLimits* limits);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SPACE_LIMITS_H_
