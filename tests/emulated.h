// Tests that an emulator of another CPU's programs cannot run.

#ifndef JITATTN_TESTS_EMULATED_H_
#define JITATTN_TESTS_EMULATED_H_

#include <cstdlib>

namespace jitattn {

// Whether this process runs in qemu-user. There, /proc describes the host's CPU, and a program
// cannot start itself again, as death tests do.
inline bool Emulated() { return std::getenv("JITATTN_EMULATED") != nullptr; }

}  // namespace jitattn

#endif  // JITATTN_TESTS_EMULATED_H_
