// The fused attention kernel whose lanes are columns: few query rows against many keys, at the rate
// at which these are read.

#ifndef JITATTN_JIT_DECODE_KERNEL_H_
#define JITATTN_JIT_DECODE_KERNEL_H_

#include <cstdint>

#include "jit/assembler.h"
#include "jit/config.h"

namespace jitattn::jit {

// Emits void(const AttentionArgs*). REQUIRES: ValidateAttention(config, spec, a.cpu()) is OK, and
// config.lanes is kColumns.
void EmitDecode(Assembler& a, const AttentionSpec& spec, const AttentionConfig& config);

// Size of what a run leaves at AttentionArgs::part for `rows` rows (queries × heads of a group).
int64_t DecodePartBytes(const AttentionSpec& spec, const AttentionConfig& config, int64_t rows);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_DECODE_KERNEL_H_
