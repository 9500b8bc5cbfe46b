// A strategy's options: "name=value" pairs read against the table on top of its file.

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
  // InvalidArgument: a name not in the table, a name given twice, no number, or out of its range.
  static absl::StatusOr<Options> Parse(std::string_view strategy, std::span<const OptionInfo> table,
                                       const StrategyOptions& given);

  // REQUIRES: `name` is in the table.
  double Number(std::string_view name) const;
  int Integer(std::string_view name) const { return static_cast<int>(Number(name)); }

 private:
  std::span<const OptionInfo> table_;
  std::vector<double> values_;  // as the table orders them
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_OPTIONS_H_
