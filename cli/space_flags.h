// --space and --fields: the space that an operation is searched in.

#ifndef JITATTN_CLI_SPACE_FLAGS_H_
#define JITATTN_CLI_SPACE_FLAGS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/problem.h"
#include "runtime/space_limits.h"

namespace jitattn::cli {

// `fields` as --fields has them come before what `space`, "small" or another, says. InvalidArgument
// begins with "--fields"; a field must be one of `ops`.
absl::StatusOr<runtime::SpaceLimits> LimitsOf(const std::string& space,
                                              const std::vector<std::string>& fields,
                                              const ops::Operation& operation,
                                              std::span<const ops::Operation* const> operations);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_SPACE_FLAGS_H_
