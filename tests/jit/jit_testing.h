// Shared by tests of emitted code: buffers next to unreadable pages, and disassembly.

#ifndef JITATTN_TESTS_JIT_JIT_TESTING_H_
#define JITATTN_TESTS_JIT_JIT_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tests/guarded_buffer.h"

namespace jitattn::jit::testing {

using jitattn::GuardedBuffer;

// Disassembles `code` up to its ret (constants follow) and returns the first instruction with an
// EVEX prefix, or the first that does not decode, as text; "" where there is neither.
std::string FirstEvexInstruction(std::span<const uint8_t> code);

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_JIT_TESTING_H_
