// Whether pictures can be drawn here.

#ifndef JITATTN_TESTS_LAB_PLOT_TESTING_H_
#define JITATTN_TESTS_LAB_PLOT_TESTING_H_

#include "tests/cli/process.h"

namespace jitattn::lab {

// In one of the Pythons that the command asks; they are asked once.
inline bool HasMatplotlib() {
  static const bool has = [] {
    for (const char* python : {"python3", "/usr/bin/python3"}) {
      if (cli::Process({python, "-c", "import matplotlib"}, {}).Finish().exit_code == 0)
        return true;
    }
    return false;
  }();
  return has;
}

}  // namespace jitattn::lab

#endif  // JITATTN_TESTS_LAB_PLOT_TESTING_H_
