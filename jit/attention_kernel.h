// The fused attention kernel: its loop nest where lanes are queries, and the way to the other one.

#ifndef JITATTN_JIT_ATTENTION_KERNEL_H_
#define JITATTN_JIT_ATTENTION_KERNEL_H_

#include "jit/assembler.h"
#include "jit/config.h"

namespace jitattn::jit {

// Emits void(const AttentionArgs*). REQUIRES: ValidateAttention(config, spec, a.cpu()) is OK.
void EmitAttention(Assembler& a, const AttentionSpec& spec, const AttentionConfig& config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_KERNEL_H_
