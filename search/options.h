// A strategy's options: "name=value" pairs, checked against the strategy's table of options.

#ifndef JITATTN_SEARCH_OPTIONS_H_
#define JITATTN_SEARCH_OPTIONS_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/strategy.h"

namespace jitattn::search {

class Options {
 public:
  // Options that are not given have their default values. InvalidArgument: a name is not in the
  // table or is given twice, or a value is not a number or out of range.
  static absl::StatusOr<Options> Parse(std::string_view strategy, std::span<const OptionInfo> table,
                                       const StrategyOptions& given);

  // REQUIRES: `name` is in the table.
  double Number(std::string_view name) const;
  int Integer(std::string_view name) const { return static_cast<int>(Number(name)); }

 private:
  std::span<const OptionInfo> table_;
  std::vector<double> values_;  // in the order of the table
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_OPTIONS_H_
