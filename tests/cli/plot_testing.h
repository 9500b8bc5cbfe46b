// What tests of plots look at.

#ifndef JITATTN_TESTS_CLI_PLOT_TESTING_H_
#define JITATTN_TESTS_CLI_PLOT_TESTING_H_

#include <string>
#include <vector>

#include "cli/plot/axes.h"

namespace jitattn::cli {

inline std::vector<std::string> Labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks) labels.push_back(tick.label);
  return labels;
}

}  // namespace jitattn::cli

#endif  // JITATTN_TESTS_CLI_PLOT_TESTING_H_
