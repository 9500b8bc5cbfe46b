// The "rows" attention kernel: lanes are columns. A few query rows meet many keys, at the rate at
// which the keys can be read.

#ifndef JITATTN_JIT_ATTENTION_ROWS_KERNEL_H_
#define JITATTN_JIT_ATTENTION_ROWS_KERNEL_H_

#include <cstdint>

#include "jit/attention/args.h"
#include "jit/attention/rows_config.h"
#include "jit/kernel.h"

namespace jitattn::jit {

class Assembler;

// Emits void(const AttentionArgs*). REQUIRES: ValidateRows(config, spec, a.cpu()) is OK.
void EmitRows(Assembler& a, const AttentionSpec& spec, const RowsConfig& config);

ScratchNeeds RowsScratch(const AttentionSpec& spec, const RowsConfig& config);

// Bytes of AttentionArgs::part for `rows` rows (queries × heads of a group); a multiple of 64.
int64_t RowsPartBytes(const AttentionSpec& spec, const RowsConfig& config, int64_t rows);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_KERNEL_H_
