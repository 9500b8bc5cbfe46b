// Problems of attention.
//
//   out[b][h][i][d] = Σ_j softmax_j(scale · q[b][h][i]·k[b][g][j]) · v[b][g][j][d]
//     g = h / (heads / kv_heads);  causal: query i sees keys j ≤ i + offset;
//     window: keys from i + offset − window_left to i + offset + window_right

#ifndef JITATTN_OPS_ATTENTION_PROBLEM_H_
#define JITATTN_OPS_ATTENTION_PROBLEM_H_

#include <cstdint>

#include "jit/attention/band.h"
#include "jit/attention/spec.h"
#include "ops/problem.h"

namespace jitattn::ops {

// Lengths and batch here are those to plan for: a run may have smaller ones. Strides, scale and the
// mask's offset are arguments of a run only.
struct AttentionProblem {
  DType dtype = DType::kF32;
  jit::Mask mask = jit::Mask::kNone;
  jit::Bias bias = jit::Bias::kNone;
  bool softcap = false, alibi = false, sinks = false, lse = false, out_gate = false;
  bool bf16_math = false;  // f32: the factors of products may be rounded to bf16
  jit::KvType kv_type = jit::KvType::kOwn;
  int64_t batch = 1, heads = 1, kv_heads = 1;
  int64_t q_len = 1, kv_len = 1;
  int64_t head_dim = 64, value_dim = 64;
  int64_t window_left = 0, window_right = 0;  // 0 unless the mask is a window
  // Causal: positions are cut into chunks of this many, and a query sees keys of its own chunk
  // only. 0: one chunk.
  int64_t chunk = 0;
  // Integers: elements of a key or value that share a scale; 0: all of them.
  int64_t kv_scale_block = 0;
  // Keys and values are pages of this many keys. 0: no pages.
  int64_t page_size = 0;

  bool paged() const { return page_size > 0; }
  // Whether there is more than q, k, v and out, all of one type.
  bool has_extras() const {
    return bias != jit::Bias::kNone || softcap || alibi || sinks || lse || out_gate ||
           kv_type != jit::KvType::kOwn || paged();
  }

  friend bool operator==(const AttentionProblem&, const AttentionProblem&) = default;
};

inline constexpr int64_t kMaxHeadDim = 4096;

extern const Operation kAttention;
template <>
inline constexpr const Operation* OperationOf<AttentionProblem> = &kAttention;

// The part of the problem that is compiled into kernels.
jit::AttentionSpec SpecOf(const AttentionProblem& problem);

// The keys that the queries of a run see. `offset`: of the causal mask's or the window's middle.
// REQUIRES: offset and widths are within ±Band::kFar.
inline jit::Band BandOf(const AttentionProblem& problem, int64_t offset) {
  return jit::Band::Of(problem.mask, offset - problem.window_left, offset + problem.window_right);
}

// Number of pages that so many keys fill. REQUIRES: problem.paged().
inline int64_t PagesOf(const AttentionProblem& problem, int64_t keys) {
  return keys / problem.page_size + (keys % problem.page_size != 0);
}

// Number of query rows that share the keys and values of a kv head.
inline int64_t RowsOfGroup(const AttentionProblem& p) { return p.q_len * (p.heads / p.kv_heads); }

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_PROBLEM_H_
