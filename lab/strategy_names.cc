// Names → strategies.

#include "lab/strategy_names.h"

#include <algorithm>
#include <string_view>

#include "search/strategy.h"

namespace jitattn::lab {

absl::StatusOr<std::vector<std::string>> StrategiesNamed(std::span<const std::string> given) {
  std::vector<std::string> names;
  auto add = [&names](std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  };
  for (const std::string& name : given) {
    if (name == "all") {
      for (const search::StrategyInfo& info : search::Strategies()) add(info.name);
      continue;
    }
    if (absl::Status status = search::CheckStrategy(name); !status.ok()) return status;
    add(name == "auto" ? search::DefaultStrategy() : name);
  }
  return names;
}

}  // namespace jitattn::lab
