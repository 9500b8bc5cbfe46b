// From flags to the limits of a space.

#include "cli/space_flags.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace jitattn::cli {

absl::StatusOr<runtime::SpaceLimits> LimitsOf(const std::string& space,
                                              const std::vector<std::string>& fields,
                                              const ops::Operation& operation,
                                              std::span<const ops::Operation* const> operations) {
  runtime::SpaceLimits limits;
  for (const std::string& text : fields) {
    if (absl::Status s = runtime::AddLimit(text, operations, &limits); !s.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--fields ", std::string(s.message())));
    }
  }
  if (space == "small") {
    runtime::SpaceLimits small = runtime::SmallSpace(operation);
    limits.default_algorithm_only = limits.algorithms.empty();
    for (auto& limit : small.fields) limits.fields.push_back(std::move(limit));
  }
  return limits;
}

}  // namespace jitattn::cli
