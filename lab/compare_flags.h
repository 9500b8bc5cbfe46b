// Flags of `jitattn compare`, which compares methods on problems or search strategies on spaces.

#ifndef JITATTN_LAB_COMPARE_FLAGS_H_
#define JITATTN_LAB_COMPARE_FLAGS_H_

#include <string>
#include <vector>

#include "cli/problem_flags.h"
#include "lab/compare_methods.h"

namespace CLI {
class App;
}

namespace jitattn::lab {

struct CompareFlags {
  cli::ProblemFlags problem;
  std::string preset;
  cli::MachineFlags machine;
  CompareOptions options;            // its `machine` is resolved from the flags above
  std::vector<std::string> methods;  // empty: all
  std::string python;                // empty: python3
  std::string csv;
  bool json = false, quiet = false;

  // For the comparison of strategies.
  std::vector<std::string> strategies, files, fields;
  std::vector<int> budgets = {18, 36};
  std::string space = "small", record;
  int runs = 100;
  double seconds = 0;  // of --time; 0: not given
  bool noisy = false;

  void AddTo(CLI::App* command);

 private:
  void AddProblems(CLI::App* command);
  void AddMethods(CLI::App* command);
  void AddStrategies(CLI::App* command);
  void AddOutput(CLI::App* command);
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_FLAGS_H_
