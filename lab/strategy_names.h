// Names of strategies on the command line.

#ifndef JITATTN_LAB_STRATEGY_NAMES_H_
#define JITATTN_LAB_STRATEGY_NAMES_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::lab {

// Replaces "all" and "auto" by the strategies that they stand for; the result has no duplicates.
// InvalidArgument: an unknown name.
absl::StatusOr<std::vector<std::string>> StrategiesNamed(std::span<const std::string> given);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_STRATEGY_NAMES_H_
