// Spec + Config → Kernel.

#ifndef JITATTN_JIT_COMPILE_H_
#define JITATTN_JIT_COMPILE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/kernel.h"

namespace jitattn::jit {

// Emits the kernel and makes it executable (written RW, then RX: never both).
//   InvalidArgument    Validate(config, spec, cpu) refuses it
//   Unavailable        the system gives no executable memory: use Isa::kPortable
//   ResourceExhausted  no memory for the code (for anything else: std::bad_alloc)
//   Internal           the emitter itself failed (an Xbyak error)
// Emitted bytes depend on nothing but spec, config, cpu's features and the version of Xbyak.
absl::StatusOr<std::shared_ptr<const Kernel>> Compile(const Spec& spec, const Config& config,
                                                      const Cpu& cpu);

// Bytes of AttentionArgs::part for `rows` rows, queries × heads of a group, a multiple of 64.
// REQUIRES: config.lanes is kColumns.
int64_t PartBytes(const AttentionSpec& spec, const AttentionConfig& config, int64_t rows);

// "6.68": part of what makes emitted bytes what they are.
std::string XbyakVersion();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_COMPILE_H_
