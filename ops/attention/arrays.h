// The arrays of a run of attention, and a run on them.

#ifndef JITATTN_OPS_ATTENTION_ARRAYS_H_
#define JITATTN_OPS_ATTENTION_ARRAYS_H_

#include <span>

#include "ops/operands.h"
#include "ops/problem.h"

namespace jitattn::ops {

// Operation::arrays and bind: the run has the usual scale and the mask aligned bottom-right.
Arrays AttentionArrays(const Problem& problem);
Args BindAttention(const Problem& problem, Layout layout, std::span<void* const> data);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ARRAYS_H_
