// A CPU's cases and tests, run and counted.

#ifndef JITATTN_TESTS_EMULATE_SUITE_H_
#define JITATTN_TESTS_EMULATE_SUITE_H_

#include <string>
#include <vector>

#include "tests/emulate/cases.h"
#include "tests/emulate/cpus.h"

namespace jitattn::emulate {

struct Tally {
  int passed = 0, failed = 0, skipped = 0;
};

// Whether a test is requested: its name contains one of `words`, or there are no words.
bool IsAsked(const std::string& name, const std::vector<std::string>& words);

// Boots machines until all requested cases have answers. Prints failures.
Tally RunCases(const EmulatedCpu& cpu, const std::vector<std::string>& words);

// Runs the built command, and tests of the built test programs, as processes of qemu-user: a fixed
// choice of them, or those that are asked for.
Tally RunPrograms(const EmulatedCpu& cpu, const std::vector<std::string>& words);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_SUITE_H_
