// The arrays of a run of attention, and a run on them.

#include "ops/attention/arrays.h"

#include <algorithm>
#include <cmath>

#include "jit/attention/bias.h"
#include "jitattn/jitattn.h"
#include "ops/attention/kv.h"
#include "ops/attention/problem.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;

constexpr double kUsualSoftcap = 50;  // Gemma 2's

// The bias that problems are measured with: one for all heads and sequences.
Array BiasArray(const P& p) {
  const bool is_bool = p.bias == jit::Bias::kSeen;
  return {.name = "bias",
          .rows = p.q_len,
          .cols = is_bool ? (p.kv_len + 3) / 4 : p.kv_len,
          .dtype = is_bool ? DType::kF32 : jit::BiasType(SpecOf(p)),
          .fill = is_bool ? Fill::kBytes : Fill::kNormal};
}

// Keys and values with their scales, and with pages the table of each sequence's pages.
void AddKeysTo(Arrays& arrays, const P& p) {
  arrays.Add(KvArrayOf(p, "k", p.head_dim));
  arrays.Add(KvArrayOf(p, "v", p.value_dim));
  if (p.kv_type == jit::KvType::kI8) {
    arrays.Add(ScaleArrayOf(p, "k_scales", p.head_dim));
    arrays.Add(ScaleArrayOf(p, "v_scales", p.value_dim));
  }
  if (!p.paged()) return;
  arrays.Add({.name = "block_table",
              .rows = p.batch,
              .cols = PagesOf(p, p.kv_len),
              .dtype = DType::kF32,  // as wide as an entry
              .fill = Fill::kPages});
}

}  // namespace

Arrays AttentionArrays(const Problem& problem) {
  const P& p = problem.As<P>();
  Arrays arrays;
  arrays.Add({"q", p.batch, p.heads, p.q_len, p.head_dim});
  AddKeysTo(arrays, p);
  if (p.bias != jit::Bias::kNone) arrays.Add(BiasArray(p));
  if (p.alibi) {
    arrays.Add({.name = "slopes", .cols = p.heads, .dtype = DType::kF32, .fill = Fill::kSlopes});
  }
  if (p.sinks) arrays.Add({.name = "sinks", .cols = p.heads, .dtype = DType::kF32});
  if (p.lse) {
    arrays.Add({.name = "lse",
                .batch = p.batch,
                .heads = p.heads,
                .rows = p.q_len,
                .dtype = ComputeType(p.dtype),
                .fill = Fill::kOutput});
  }
  if (p.out_gate) arrays.Add({"gate", p.batch, p.heads, p.q_len, p.value_dim});
  arrays.Add({.name = "out",
              .batch = p.batch,
              .heads = p.heads,
              .rows = p.q_len,
              .cols = p.value_dim,
              .fill = Fill::kOutput});
  return arrays;
}

Args BindAttention(const Problem& problem, Layout layout, std::span<void* const> data) {
  const P& p = problem.As<P>();
  jitattn_attention_args args = {};
  args.struct_size = sizeof args;
  args.batch = p.batch, args.q_len = p.q_len, args.kv_len = p.kv_len;
  const Arrays arrays = AttentionArrays(problem);
  int next = 0;
  const auto take = [&](int64_t(*strides)[3]) {
    if (strides != nullptr) std::ranges::copy(DenseStrides(arrays[next], layout), *strides);
    return data[next++];
  };
  args.q = take(&args.q_strides);
  args.k = take(&args.k_strides);
  args.v = take(&args.v_strides);
  for (int64_t(*strides)[3] : {&args.k_strides, &args.v_strides}) {
    std::ranges::copy(KvStrides(p, std::to_array(*strides)), *strides);
  }
  if (p.kv_type == jit::KvType::kI8) {
    args.k_scales = static_cast<const float*>(take(&args.k_scale_strides));
    args.v_scales = static_cast<const float*>(take(&args.v_scale_strides));
  }
  if (p.paged()) {
    args.block_table_stride = arrays[next].cols;
    args.block_table = static_cast<const int32_t*>(take(nullptr));
  }
  if (p.bias != jit::Bias::kNone) {
    const Array& bias = arrays[next];
    args.bias_strides[2] = p.bias == jit::Bias::kSeen ? 4 * bias.cols : bias.cols;
    args.bias = take(nullptr);
  }
  if (p.alibi) args.alibi_slopes = static_cast<const float*>(take(nullptr));
  if (p.sinks) args.sinks = static_cast<const float*>(take(nullptr));
  if (p.lse) args.lse = take(&args.lse_strides);
  if (p.out_gate) args.gate = take(&args.gate_strides);
  args.out = take(&args.out_strides);
  if (p.softcap) args.softcap = kUsualSoftcap;
  args.scale = 1 / std::sqrt(static_cast<double>(p.head_dim));
  args.causal_offset = p.kv_len - p.q_len;
  return Args(args);
}

}  // namespace jitattn::ops
