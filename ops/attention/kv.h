// Keys and values of another type than the queries: rules, sizes, arrays.

#ifndef JITATTN_OPS_ATTENTION_KV_H_
#define JITATTN_OPS_ATTENTION_KV_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "jit/attention/kv_number.h"
#include "jit/attention/kv_row.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/attention/sequence.h"
#include "ops/operands.h"

namespace jitattn::ops {

inline constexpr std::string_view kKvTypes[] = {"own", "f32", "bf16", "f16", "i8", "q8_0"};

// The operands' own type has one name.
constexpr jit::KvType NameKvType(jit::KvType type, DType dtype) {
  const jit::AttentionSpec spec = {.dtype = dtype, .kv_type = type};
  return jit::HasOwnKv(spec) ? jit::KvType::kOwn : type;
}

absl::Status ValidateKv(const AttentionProblem& problem);

// "i8", "i8b64": the type, and its block if there is one.
std::string NameOfKv(const AttentionProblem& problem);

// Whether kernels widen f16, for which AVX2 code needs F16C.
bool NeedsF16c(const AttentionProblem& problem);

// The part of SpecOf(problem) that says how keys and values are stored. Inline, for small calls.
inline jit::AttentionSpec KvSpecOf(const AttentionProblem& p) {
  return {
      .dtype = p.dtype, .kv_type = p.kv_type, .kv_scale_block = static_cast<int>(p.kv_scale_block)};
}
inline jit::KvRow KeyRow(const AttentionProblem& p) {
  return {KvSpecOf(p), static_cast<int>(p.head_dim)};
}
inline jit::KvRow ValueRow(const AttentionProblem& p) {
  return {KvSpecOf(p), static_cast<int>(p.value_dim)};
}

// Bytes of a key and its value, scales included.
double KvBytes(const AttentionProblem& problem);

// The arrays of a run that hold keys or values of `dim` columns, and their scales. An array's
// elements need not be those of the run: KvStrides converts strides.
Array KvArrayOf(const AttentionProblem& problem, std::string_view name, int64_t dim);
Array ScaleArrayOf(const AttentionProblem& problem, std::string_view name, int64_t dim);
Strides KvStrides(const AttentionProblem& problem, Strides of_array);

// The keys, and the values, of a kv head from `first` on.
inline jit::KvArray KvArrayAt(const AttentionProblem& problem, const jitattn_attention_args& run,
                              const void* rows, const int64_t (&strides)[3], const float* scales,
                              const int64_t (&scale_strides)[3], const Sequence& sequence,
                              int64_t kv_head, int64_t first) {
  const jit::AttentionSpec spec = KvSpecOf(problem);
  const int64_t bytes = jit::KvElementBytes(spec);
  constexpr int64_t kScaleBytes = sizeof(float);
  const auto at = [&](const int64_t(&of)[3]) {
    return problem.paged() ? kv_head * of[1] : sequence.KeyAt(of, kv_head, first);
  };
  jit::KvArray array = {static_cast<const char*>(rows) + at(strides) * bytes, strides[2] * bytes,
                        nullptr, 0};
  if (problem.paged()) {
    array.block_table =
        run.block_table + (sequence.batch * run.block_table_stride + first / problem.page_size);
    array.page_size = problem.page_size;
    array.page_row = first % problem.page_size;
    array.page_stride = strides[0] * bytes;
    array.scale_page_stride = scale_strides[0] * kScaleBytes;
  }
  if (problem.kv_type != jit::KvType::kI8) return array;
  array.scales = scales + at(scale_strides);
  array.scale_stride = scale_strides[2] * kScaleBytes;
  return array;
}
inline jit::KvArray KeysAt(const AttentionProblem& problem, const jitattn_attention_args& run,
                           const Sequence& sequence, int64_t kv_head, int64_t first) {
  return KvArrayAt(problem, run, run.k, run.k_strides, run.k_scales, run.k_scale_strides, sequence,
                   kv_head, first);
}
inline jit::KvArray ValuesAt(const AttentionProblem& problem, const jitattn_attention_args& run,
                             const Sequence& sequence, int64_t kv_head, int64_t first) {
  return KvArrayAt(problem, run, run.v, run.v_strides, run.v_scales, run.v_scale_strides, sequence,
                   kv_head, first);
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_KV_H_
