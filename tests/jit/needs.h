// Reasons for skipping a test, all worded "needs …": `./dev test` counts them by these words.

#ifndef JITATTN_TESTS_JIT_NEEDS_H_
#define JITATTN_TESTS_JIT_NEEDS_H_

#include <string>

#include "base/cpu.h"
#include "base/dtype.h"
#include "jit/executable_memory.h"

namespace jitattn::jit::testing {

// "needs avx512" and the like where kernels of `isa` and `dtype` cannot run; "" where they can.
inline std::string Needs(Isa isa, DType dtype = DType::kF32) {
  if (isa == Isa::kPortable) return "";
  if (HostCpu().isa < isa) return "needs " + std::string(Name(isa));
  if (dtype == DType::kF16 && !HostCpu().f16c) return "needs f16c";
  if (!jit::ExecutableMemoryAllowed()) return "needs executable memory";
  return "";
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_NEEDS_H_
