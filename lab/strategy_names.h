// Strategies as the commands that judge them are given them.

#ifndef JITATTN_LAB_STRATEGY_NAMES_H_
#define JITATTN_LAB_STRATEGY_NAMES_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::lab {

// "all" and "auto" as the strategies that they stand for, each once. InvalidArgument: a name that
// is none.
absl::StatusOr<std::vector<std::string>> StrategiesNamed(std::span<const std::string> given);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_STRATEGY_NAMES_H_
