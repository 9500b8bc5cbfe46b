// Turns emitted code into a Kernel.

#ifndef JITATTN_JIT_COMPILE_H_
#define JITATTN_JIT_COMPILE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "jit/kernel.h"

namespace jitattn::jit {

class Assembler;

// Calls emit(assembler) and makes the code executable (pages are writable first, then executable,
// never both).
//   Unavailable        the system refuses executable memory: use a portable kernel
//   ResourceExhausted  no memory for the code (any other lack of memory throws std::bad_alloc)
//   Internal           the emitter failed with an Xbyak error
// The emitted bytes depend only on the emitter's arguments, `isa`, the features of `cpu` and the
// version of Xbyak.
absl::StatusOr<std::shared_ptr<const Kernel>> Compile(std::string name, Isa isa, const Cpu& cpu,
                                                      const ScratchNeeds& scratch,
                                                      const std::function<void(Assembler&)>& emit);

// A kernel whose code the C++ compiler made.
std::shared_ptr<const Kernel> PortableKernel(std::string name, void (*entry)(const void* args),
                                             const ScratchNeeds& scratch);

// The version of Xbyak, as in "6.68". The emitted bytes depend on it.
std::string XbyakVersion();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_COMPILE_H_
