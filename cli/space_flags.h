// --space and --fields: the search space of an operation.

#ifndef JITATTN_CLI_SPACE_FLAGS_H_
#define JITATTN_CLI_SPACE_FLAGS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/problem.h"
#include "runtime/space_limits.h"

namespace jitattn::cli {

// The limits that --space and --fields put on the space of `operation`. `fields` are the values of
// --fields and take precedence over `space`. InvalidArgument, beginning with "--fields", if none of
// `operations` has such a field or value.
absl::StatusOr<runtime::SpaceLimits> LimitsOf(const std::string& space,
                                              const std::vector<std::string>& fields,
                                              const ops::Operation& operation,
                                              std::span<const ops::Operation* const> operations);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_SPACE_FLAGS_H_
