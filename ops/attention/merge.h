// Merges results of attention over disjoint sets of keys.

#ifndef JITATTN_OPS_ATTENTION_MERGE_H_
#define JITATTN_OPS_ATTENTION_MERGE_H_

#include "absl/status/status.h"
#include "base/dtype.h"
#include "jitattn/jitattn.h"

namespace jitattn::ops {

// InvalidArgument, with the value and the rule, for bad sizes, null or misaligned pointers, and
// rows of the results that overlap each other.
absl::Status CheckMerge(DType dtype, const jitattn_attention_merge_args& args);

// REQUIRES: CheckMerge is OK, and the calling thread has the default floating-point environment.
void Merge(DType dtype, const jitattn_attention_merge_args& args);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_MERGE_H_
