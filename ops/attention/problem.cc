// Problems of attention.

#include "ops/attention/problem.h"

#include "jit/attention/alibi.h"
#include "jit/attention/softcap.h"

namespace jitattn::ops {

jit::AttentionSpec SpecOf(const AttentionProblem& problem) {
  jit::AttentionSpec spec = {.dtype = problem.dtype,
                             .mask = problem.mask,
                             .head_dim = static_cast<int>(problem.head_dim),
                             .value_dim = static_cast<int>(problem.value_dim),
                             .bias = problem.bias,
                             .sinks = problem.sinks,
                             .lse = problem.lse,
                             .gate = problem.out_gate,
                             .bf16_math = problem.bf16_math,
                             .paged = problem.paged(),
                             .kv_type = problem.kv_type,
                             .kv_scale_block = static_cast<int>(problem.kv_scale_block)};
  int parts = 0;
  if (problem.softcap) spec.score_parts[parts++] = &jit::Softcap();
  if (problem.alibi) spec.score_parts[parts++] = &jit::Alibi();
  return spec;
}

}  // namespace jitattn::ops
