// Moves rows into a KV cache or a tensor: RMS norm, rotary embedding, conversion (jitattn_append).

#ifndef JITATTN_OPS_ATTENTION_APPEND_H_
#define JITATTN_OPS_ATTENTION_APPEND_H_

#include "absl/status/status.h"
#include "jitattn/jitattn.h"

namespace jitattn::ops {

// InvalidArgument, with the value and the rule, if types, sizes, lengths, tables or pages are
// wrong, pointers are null or misaligned, or what is written overlaps itself or what is read.
absl::Status CheckAppend(const jitattn_append_args& args);

// Moves the rows, on at most `threads` threads; fewer if there are few rows. REQUIRES: CheckAppend
// is OK, and the calling thread has the default floating-point environment.
void Append(const jitattn_append_args& args, int threads);

// The same for the appends of a run of attention, in their order. REQUIRES: each has a struct_size
// that some version had, and all have the same.
absl::Status CheckAppends(const jitattn_attention_args& run);
void RunAppends(const jitattn_attention_args& run, int threads);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_APPEND_H_
