// The arguments of a kernel call for a part of a run of attention, and the work of a run.

#ifndef JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_
#define JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_

#include <cstdint>

#include "jit/attention/args.h"
#include "jit/attention/band.h"
#include "jit/attention/bias.h"
#include "jitattn/jitattn.h"
#include "ops/attention/kv.h"
#include "ops/attention/problem.h"
#include "ops/attention/sequence.h"

namespace jitattn::ops {

// The part of a run that one call of the kernel computes: consecutive queries of a head against
// consecutive keys.
struct CallRange {
  int64_t head, kv_head;
  int64_t heads = 1;  // number of query heads from `head` on; "rows" kernels take all of kv_head's
  int64_t first_row = 0, rows;
  int64_t first_key = 0, keys;
  jit::Band band;  // the keys that the sequence's queries see
};

// Keys and values that lie in pages or have scales.
inline void AddKeys(const AttentionProblem& problem, const jitattn_attention_args& run,
                    const Sequence& sequence, const CallRange& range, jit::AttentionArgs& args) {
  if (run.kv_len == 0) return;
  const jit::KvArray k = KeysAt(problem, run, sequence, range.kv_head, range.first_key);
  const jit::KvArray v = ValuesAt(problem, run, sequence, range.kv_head, range.first_key);
  args.k = k.rows, args.v = v.rows;
  args.k_scales = k.scales, args.k_scale_stride = k.scale_stride;
  args.v_scales = v.scales, args.v_scale_stride = v.scale_stride;
  if (!problem.paged()) return;
  args.k_page_stride = k.page_stride, args.v_page_stride = v.page_stride;
  args.k_scale_page_stride = k.scale_page_stride, args.v_scale_page_stride = v.scale_page_stride;
  args.page_size = k.page_size;
  args.page_row = k.page_row;
  args.block_table = k.block_table;
}

// Adds what the options of the problem read and write. A query's position is that of a key.
inline void AddExtras(const AttentionProblem& problem, const jitattn_attention_args& run,
                      const Sequence& sequence, const CallRange& range, jit::AttentionArgs& args) {
  args.softcap = run.softcap;
  args.first_query = range.first_row + sequence.offset;
  if (problem.kv_type == jit::KvType::kI8 || problem.paged()) {
    AddKeys(problem, run, sequence, range, args);
  }
  if (problem.alibi) args.alibi_slopes = run.alibi_slopes + range.head;
  if (problem.sinks) args.sinks = run.sinks + range.head;
  if (problem.bias != jit::Bias::kNone) {
    const int64_t bytes = jit::BiasBytes(*args.spec);
    args.bias = static_cast<const char*>(run.bias) +
                (sequence.batch * run.bias_strides[0] + range.head * run.bias_strides[1] +
                 range.first_row * run.bias_strides[2] + range.first_key) *
                    bytes;
    args.bias_stride = run.bias_strides[2] * bytes;
    args.bias_head_stride = run.bias_strides[1] * bytes;
  }
  if (problem.out_gate) {
    const int64_t bytes = SizeOf(problem.dtype);
    args.gate = static_cast<const char*>(run.gate) +
                sequence.QueryAt(run.gate_strides, range.head, range.first_row) * bytes;
    args.gate_stride = run.gate_strides[2] * bytes;
    args.gate_head_stride = run.gate_strides[1] * bytes;
  }
  if (!problem.lse) return;
  const int64_t bytes = SizeOf(ComputeType(problem.dtype));
  args.lse = static_cast<char*>(run.lse) +
             sequence.QueryAt(run.lse_strides, range.head, range.first_row) * bytes;
  args.lse_stride = run.lse_strides[2] * bytes;
  args.lse_head_stride = run.lse_strides[1] * bytes;
}

// The kernel's arguments for `range`. Strides are in elements in `run`, in bytes in the result. A
// caller that splits the keys of a softmax over several calls sets `parts` and `part` itself.
// Inline, for small calls.
inline jit::AttentionArgs KernelArgs(const AttentionProblem& problem,
                                     const jit::AttentionSpec& spec,
                                     const jitattn_attention_args& run, const Sequence& sequence,
                                     const CallRange& range, void* scratch) {
  const int64_t bytes = SizeOf(spec.dtype), kv_bytes = jit::KvElementBytes(spec);
  const jit::Band band = range.band.From(range.first_row, range.first_key);
  const auto at = [](const void* base, int64_t distance) {
    return static_cast<const char*>(base) + distance;
  };
  jit::AttentionArgs args = {
      .spec = &spec,
      .q = at(run.q, sequence.QueryAt(run.q_strides, range.head, range.first_row) * bytes),
      .k = at(run.k, sequence.KeyAt(run.k_strides, range.kv_head, range.first_key) * kv_bytes),
      .v = at(run.v, sequence.KeyAt(run.v_strides, range.kv_head, range.first_key) * kv_bytes),
      .out = static_cast<char*>(run.out) +
             sequence.QueryAt(run.out_strides, range.head, range.first_row) * bytes,
      .q_stride = run.q_strides[2] * bytes,
      .k_stride = run.k_strides[2] * kv_bytes,
      .v_stride = run.v_strides[2] * kv_bytes,
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
  if (problem.has_extras()) AddExtras(problem, run, sequence, range, args);
  return args;
}

// Operations over all pairs (query, key). A mask needs no account, since a run's work is only
// compared with the plan's, to which the same mask applies.
inline double DenseFlops(const AttentionProblem& p, double batch, double q_len, double kv_len) {
  return 2.0 * batch * p.heads * q_len * kv_len * (p.head_dim + p.value_dim);
}
inline double DenseFlops(const AttentionProblem& p, const jitattn_attention_args& run) {
  if (!HasSequences(run)) return DenseFlops(p, run.batch, run.q_len, run.kv_len);
  double flops = 0;
  for (int64_t batch = 0; batch < run.batch; ++batch) {
    const Sequence s = UnevenSequence(run, batch);
    flops += DenseFlops(p, 1, s.q_len, s.kv_end - s.kv_begin);
  }
  return flops;
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_KERNEL_ARGS_H_
