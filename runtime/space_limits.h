// A smaller space than a problem's own: for recording it whole, and for studies.

#ifndef JITATTN_RUNTIME_SPACE_LIMITS_H_
#define JITATTN_RUNTIME_SPACE_LIMITS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/record.h"
#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"

namespace jitattn::runtime {

// The values that a field may take in the place of its ladder; none: only the default's. That value
// is always among them, since the default is a point of every space.
struct FieldLimit {
  std::string field;
  std::vector<int> values;  // ascending
};

struct SpaceLimits {
  std::vector<FieldLimit> fields;  // the first of a name counts
  // Beyond so many, those that EstimateCycles likes best, and the default.
  int max_points = 1 << 30;

  const FieldLimit* Find(std::string_view field) const;
};

// The fields that moved the time most where they were measured, the rest at their defaults: a space
// of at most 2000 points that can be searched whole in a minute.
SpaceLimits SmallSpace(jit::Op op);

// Leaves out stores that bypass the caches where the operands fit the last level and are found
// there (not cold): whoever reads the result next wants it there too, which timing the kernel alone
// does not see. Nothing where `limits` say what is wanted of that field.
void KeepResultsInCaches(const jit::Problem& problem, const jit::Cpu& cpu, cache::Buffers buffers,
                         SpaceLimits* limits);

// "kv_block=64:128". InvalidArgument: no such text, a field that none of `ops` has, `isa` (which is
// given otherwise), a value off the ladder of the first operation that has the field.
absl::StatusOr<FieldLimit> ParseFieldLimit(std::string_view text, std::span<const jit::Op> ops);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SPACE_LIMITS_H_
