// Reading a strategy's options.

#include "search/options.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jitattn::search {
namespace {

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(std::string(text), &value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<Options> Options::Parse(std::string_view strategy, std::span<const OptionInfo> table,
                                       const StrategyOptions& given) {
  Options options;
  options.table_ = table;
  for (const OptionInfo& info : table) options.values_.push_back(*ParseNumber(info.default_value));

  const std::string of = absl::StrCat("strategy '", std::string(strategy), "': ");
  std::vector<bool> set(table.size());
  for (const auto& [name, text] : given.values) {
    const auto info = std::find_if(table.begin(), table.end(),
                                   [&](const OptionInfo& option) { return option.name == name; });
    if (info == table.end()) {
      auto append = [](std::string* out, const OptionInfo& option) { out->append(option.name); };
      return absl::InvalidArgumentError(
          absl::StrCat(of, "unknown option '", name, "'; ",
                       table.empty() ? "the strategy has no options"
                                     : "expected one of " + absl::StrJoin(table, ", ", append)));
    }
    const size_t index = info - table.begin();
    if (set[index]) return absl::InvalidArgumentError(absl::StrCat(of, name, " is given twice"));
    set[index] = true;

    const std::optional<double> value = ParseNumber(text);
    const bool whole = !info->integer || (value && *value == std::floor(*value));
    if (!value || !whole || *value < info->min || *value > info->max) {
      return absl::InvalidArgumentError(absl::StrCat(of, name, " = '", text, "' is not ",
                                                     info->integer ? "an integer" : "a number",
                                                     " from ", info->min, " to ", info->max));
    }
    options.values_[index] = *value;
  }
  return options;
}

double Options::Number(std::string_view name) const {
  for (size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].name == name) return values_[i];
  }
  return std::nan("");
}

}  // namespace jitattn::search
