// What an emitter writes → Kernel.

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

// Calls emit(assembler) and makes what it wrote executable (written RW, then RX: never both).
//   Unavailable        the system gives no executable memory: use a portable kernel
//   ResourceExhausted  no memory for the code (for anything else: std::bad_alloc)
//   Internal           the emitter itself failed (an Xbyak error)
// Emitted bytes depend on nothing but the emitter's own arguments, isa, cpu's features and the
// version of Xbyak.
absl::StatusOr<std::shared_ptr<const Kernel>> Compile(std::string name, Isa isa, const Cpu& cpu,
                                                      const ScratchNeeds& scratch,
                                                      const std::function<void(Assembler&)>& emit);

// A kernel that this program was compiled with.
std::shared_ptr<const Kernel> PortableKernel(std::string name, void (*entry)(const void* args),
                                             const ScratchNeeds& scratch);

// "6.68": part of what makes emitted bytes what they are.
std::string XbyakVersion();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_COMPILE_H_
