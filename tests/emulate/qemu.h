// qemu-user, and what a test program says of its tests.

#ifndef JITATTN_TESTS_EMULATE_QEMU_H_
#define JITATTN_TESTS_EMULATE_QEMU_H_

#include <string>

#include "tests/emulate/suite.h"

namespace jitattn::emulate {

// Whether the command is there.
bool HasQemu();

// The counts at the end of what GoogleTest prints.
Tally CountTests(const std::string& said);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_QEMU_H_
