// The arguments of a kernel call for a part of a run of attention, and the work of a run.

#ifndef JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_
#define JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_

#include <algorithm>
#include <cstdint>

#include "jit/attention/args.h"
#include "jit/attention/band.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::ops {

// The part of a run that one call of the kernel computes: consecutive queries of a head against
// consecutive keys.
struct CallRange {
  int64_t batch, head, kv_head;
  int64_t heads = 1;  // number of query heads from `head` on; "rows" kernels take all of kv_head's
  int64_t first_row = 0, rows;
  int64_t first_key = 0, keys;
};

// The keys that the queries of the run see. The ends of the band are clipped to the range in which
// they matter, so that no sum in a kernel overflows.
inline jit::Band BandOf(const AttentionProblem& problem, const jitattn_attention_args& run) {
  return BandOf(problem, run.causal_offset).Clipped(run.q_len, run.kv_len);
}

// Adds what the options of the problem read and write. Positions are those of keys: query i is at
// i + causal_offset.
inline void AddExtras(const AttentionProblem& problem, const jitattn_attention_args& run,
                      const CallRange& range, jit::AttentionArgs& args) {
  args.softcap = run.softcap;
  args.first_query =
      range.first_row + std::clamp(run.causal_offset, -jit::Band::kFar, jit::Band::kFar);
  if (problem.alibi) args.alibi_slopes = run.alibi_slopes + range.head;
  if (problem.sinks) args.sinks = run.sinks + range.head;
  if (!problem.lse) return;
  const int64_t bytes = SizeOf(ComputeType(problem.dtype));
  args.lse = static_cast<char*>(run.lse) +
             (range.batch * run.lse_strides[0] + range.head * run.lse_strides[1] +
              range.first_row * run.lse_strides[2]) *
                 bytes;
  args.lse_stride = run.lse_strides[2] * bytes;
  args.lse_head_stride = run.lse_strides[1] * bytes;
}

// The kernel's arguments for `range`. Strides are in elements in `run`, in bytes in the result. A
// caller that splits the keys of a softmax over several calls sets `parts` and `part` itself.
// Inline, for small calls.
inline jit::AttentionArgs KernelArgs(const AttentionProblem& problem,
                                     const jit::AttentionSpec& spec,
                                     const jitattn_attention_args& run, const CallRange& range,
                                     void* scratch) {
  const int64_t bytes = SizeOf(spec.dtype);
  const jit::Band band = BandOf(problem, run).From(range.first_row, range.first_key);
  const auto offset = [&](const int64_t(&strides)[3], int64_t head, int64_t row) {
    return (range.batch * strides[0] + head * strides[1] + row * strides[2]) * bytes;
  };
  const auto at = [](const void* base, int64_t distance) {
    return static_cast<const char*>(base) + distance;
  };
  jit::AttentionArgs args = {
      .spec = &spec,
      .q = at(run.q, offset(run.q_strides, range.head, range.first_row)),
      .k = at(run.k, offset(run.k_strides, range.kv_head, range.first_key)),
      .v = at(run.v, offset(run.v_strides, range.kv_head, range.first_key)),
      .out = static_cast<char*>(run.out) + offset(run.out_strides, range.head, range.first_row),
      .q_stride = run.q_strides[2] * bytes,
      .k_stride = run.k_strides[2] * bytes,
      .v_stride = run.v_strides[2] * bytes,
      .out_stride = run.out_strides[2] * bytes,
      .q_rows = range.rows,
      .kv_len = range.keys,
      .right = band.right,
      .scale = run.scale,
      .scratch = scratch,
      .group = range.heads,
      .q_head_stride = run.q_strides[1] * bytes,
      .out_head_stride = run.out_strides[1] * bytes,
      .left = band.left,
      .first_key = range.first_key,
      .first_head = range.head,
  };
  if (problem.has_extras()) AddExtras(problem, run, range, args);
  return args;
}

// Operations over all pairs (query, key). A mask needs no account, since a run's work is only
// compared with the plan's, to which the same mask applies.
inline double DenseFlops(const AttentionProblem& p, double batch, double q_len, double kv_len) {
  return 2.0 * batch * p.heads * q_len * kv_len * (p.head_dim + p.value_dim);
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_
