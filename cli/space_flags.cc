// Flags → limits of a space.

#include "cli/space_flags.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace jitattn::cli {

absl::StatusOr<runtime::SpaceLimits> LimitsOf(const std::string& space,
                                              const std::vector<std::string>& fields, jit::Op op,
                                              std::span<const jit::Op> ops) {
  runtime::SpaceLimits limits;
  for (const std::string& text : fields) {
    auto limit = runtime::ParseFieldLimit(text, ops);
    if (!limit.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fields ", std::string(limit.status().message())));
    }
    limits.fields.push_back(*std::move(limit));
  }
  if (space == "small") {
    for (auto& limit : runtime::SmallSpace(op).fields) limits.fields.push_back(std::move(limit));
  }
  return limits;
}

}  // namespace jitattn::cli
