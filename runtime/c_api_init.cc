// The C ABI's initialisers: every field of a struct gets its default.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "jit/attention/kv_row.h"
#include "jitattn/jitattn.h"
#include "ops/operands.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/c_struct.h"
#include "runtime/entry.h"

namespace {

using jitattn::runtime::Entry;
using jitattn::runtime::kStructSizes;

// Null is ignored here; the call that uses the struct reports it. A function without a size
// argument writes only the fields of the struct's first version, since its caller may be that old.
template <typename T>
bool Clear(T* data, size_t size = kStructSizes<T>.front()) {
  if (data == nullptr || size < kStructSizes<T>.front()) return false;
  std::memset(data, 0, size);
  std::memcpy(data, &size, sizeof size);  // struct_size
  return true;
}

// The operands' own type by its name, which holds whatever the rows' type is.
int32_t NamedType(int32_t dtype) {
  return dtype == JITATTN_F32    ? JITATTN_KV_F32
         : dtype == JITATTN_BF16 ? JITATTN_KV_BF16
         : dtype == JITATTN_F16  ? JITATTN_KV_F16
                                 : JITATTN_KV_OWN;
}

void SetDense(int64_t (&strides)[3], int64_t heads, int64_t rows, int64_t cols) {
  std::ranges::copy(jitattn::ops::DenseStrides({.heads = heads, .rows = rows, .cols = cols},
                                               jitattn::ops::Layout::kHeads),
                    strides);
}

// Keys and values in pages or of a type of their own: strides in blocks, and those of scales. Pages
// and tables have no gaps; a table has as many entries as kv_len keys need.
void SetDenseKv(jitattn_attention_args* args, const jitattn_attention_problem& p) {
  if (p.struct_size < sizeof p) return;  // of a caller that does not know them
  const int64_t rows = p.page_size > 0 ? p.page_size : p.kv_len;
  if (p.page_size > 0) {
    args->block_table_stride = p.kv_len / p.page_size + (p.kv_len % p.page_size != 0);
  }
  const int64_t block = p.kv_type == JITATTN_KV_Q8_0 ? jitattn::jit::kQ8Elements : 1;
  SetDense(args->k_strides, p.kv_heads, rows, p.head_dim / block);
  SetDense(args->v_strides, p.kv_heads, rows, p.value_dim / block);
  const auto scales = [&](int64_t dim) {
    return p.kv_scale_block > 0 ? dim / p.kv_scale_block + (dim % p.kv_scale_block != 0) : 1;
  };
  SetDense(args->k_scale_strides, p.kv_heads, rows, scales(p.head_dim));
  SetDense(args->v_scale_strides, p.kv_heads, rows, scales(p.value_dim));
}

}  // namespace

extern "C" {

void(jitattn_attention_problem_init)(jitattn_attention_problem* problem, int64_t heads,
                                     int64_t length, int64_t head_dim) {
  jitattn_attention_problem_init_sized(problem, kStructSizes<jitattn_attention_problem>.front(),
                                       heads, length, head_dim);
}

void jitattn_attention_problem_init_sized(jitattn_attention_problem* problem, size_t size,
                                          int64_t heads, int64_t length, int64_t head_dim) {
  if (!Clear(problem, size)) return;
  problem->dtype = JITATTN_F32;
  problem->mask = JITATTN_MASK_NONE;
  problem->batch = 1;
  problem->heads = problem->kv_heads = heads;
  problem->q_len = problem->kv_len = length;
  problem->head_dim = problem->value_dim = head_dim;
}

void jitattn_sigmoid_mul_problem_init(jitattn_sigmoid_mul_problem* problem, int64_t rows,
                                      int64_t cols) {
  if (!Clear(problem)) return;
  problem->dtype = JITATTN_F32;
  problem->rows = rows;
  problem->cols = cols;
}

void(jitattn_attention_args_init)(jitattn_attention_args* args,
                                  const jitattn_attention_problem* problem) {
  jitattn_attention_args_init_sized(args, kStructSizes<jitattn_attention_args>.front(), problem);
}

void jitattn_attention_args_init_sized(jitattn_attention_args* args, size_t size,
                                       const jitattn_attention_problem* problem) {
  if (!Clear(args, size) || problem == nullptr) return;
  const Entry entry;
  const jitattn_attention_problem& p = *problem;
  args->batch = p.batch;
  args->q_len = p.q_len;
  args->kv_len = p.kv_len;
  SetDense(args->q_strides, p.heads, p.q_len, p.head_dim);
  SetDense(args->k_strides, p.kv_heads, p.kv_len, p.head_dim);
  SetDense(args->v_strides, p.kv_heads, p.kv_len, p.value_dim);
  SetDense(args->out_strides, p.heads, p.q_len, p.value_dim);
  if (size >= kStructSizes<jitattn_attention_args>[2]) {
    SetDense(args->lse_strides, p.heads, p.q_len, 1);
    SetDense(args->bias_strides, p.heads, p.q_len, p.kv_len);
  }
  if (size >= sizeof *args) {
    SetDenseKv(args, p);
    SetDense(args->gate_strides, p.heads, p.q_len, p.value_dim);
  }
  args->scale = p.head_dim > 0 ? 1 / std::sqrt(static_cast<double>(p.head_dim)) : 1;
  args->causal_offset =
      static_cast<int64_t>(static_cast<uint64_t>(p.kv_len) - static_cast<uint64_t>(p.q_len));
}

void jitattn_attention_merge_args_init(jitattn_attention_merge_args* args,
                                       const jitattn_attention_problem* problem) {
  if (!Clear(args) || problem == nullptr) return;
  const jitattn_attention_problem& p = *problem;
  args->dtype = p.dtype;
  args->batch = p.batch;
  args->heads = p.heads;
  args->q_len = p.q_len;
  args->value_dim = p.value_dim;
  for (auto* strides : {&args->part_strides, &args->out_strides}) {
    SetDense(*strides, p.heads, p.q_len, p.value_dim);
  }
  for (auto* strides : {&args->part_lse_strides, &args->lse_strides}) {
    SetDense(*strides, p.heads, p.q_len, 1);
  }
}

void jitattn_append_args_init(jitattn_append_args* args, int32_t operand,
                              const jitattn_attention_problem* problem) {
  if (!Clear(args) || problem == nullptr) return;
  jitattn_attention_problem p = {};  // what an older caller's lacks is 0
  std::memcpy(&p, problem, std::min(problem->struct_size, sizeof p));
  const bool is_q = operand == JITATTN_APPEND_Q;
  args->from_type = p.dtype;
  args->to_type = is_q || p.kv_type == JITATTN_KV_OWN ? NamedType(p.dtype) : p.kv_type;
  args->batch = p.batch;
  args->heads = is_q ? p.heads : p.kv_heads;
  args->rows = p.q_len;
  args->dim = operand == JITATTN_APPEND_V ? p.value_dim : p.head_dim;
  SetDense(args->from_strides, args->heads, args->rows, args->dim);
  args->to_len = is_q ? p.q_len : p.kv_len;
  if (!is_q) {
    args->to_begin =
        static_cast<int64_t>(static_cast<uint64_t>(p.kv_len) - static_cast<uint64_t>(p.q_len));
    args->page_size = p.page_size;
    args->scale_block = p.kv_scale_block;
  }
  const int64_t rows = args->page_size > 0 ? args->page_size : args->to_len;
  const int64_t block = args->scale_block > 0 ? args->scale_block : args->dim;
  const int64_t blocks = block > 0 ? args->dim / block + (args->dim % block != 0) : 0;
  SetDense(args->to_strides, args->heads, rows,
           args->to_type == JITATTN_KV_Q8_0 ? args->dim / 32 : args->dim);
  SetDense(args->scale_strides, args->heads, rows, blocks);
  if (args->page_size > 0 && args->to_len > 0) {
    args->block_table_stride = (args->to_len - 1) / args->page_size + 1;
  }
  args->norm_eps = 1e-6;
  args->rotary_dim = args->dim;
  args->position_stride = args->rows;
}

void jitattn_sigmoid_mul_args_init(jitattn_sigmoid_mul_args* args,
                                   const jitattn_sigmoid_mul_problem* problem) {
  if (!Clear(args) || problem == nullptr) return;
  args->rows = problem->rows;
  args->cols = problem->cols;
  args->x_stride = args->out_stride = problem->cols;
}

void jitattn_activation_problem_init(jitattn_activation_problem* problem, int64_t rows,
                                     int64_t cols) {
  if (!Clear(problem)) return;
  problem->dtype = problem->out_dtype = JITATTN_F32;
  problem->function = JITATTN_SILU;
  problem->gate = JITATTN_GATE_NONE;
  problem->rows = rows;
  problem->cols = cols;
}

void jitattn_activation_args_init(jitattn_activation_args* args,
                                  const jitattn_activation_problem* problem) {
  if (!Clear(args) || problem == nullptr) return;
  args->rows = problem->rows;
  args->cols = args->x_stride = args->out_stride = problem->cols;
  if (problem->gate == JITATTN_GATE_TWO) args->up_stride = problem->cols;
  if (problem->gate == JITATTN_GATE_PAIRS) {
    // Unsigned: a size too large for a problem must not overflow here.
    args->x_stride = static_cast<int64_t>(2 * static_cast<uint64_t>(problem->cols));
  }
  args->alpha = jitattn::ops::kQuickAlpha;
  args->limit = INFINITY;
}

void(jitattn_plan_options_init)(jitattn_plan_options* options) { Clear(options); }

void jitattn_plan_options_init_sized(jitattn_plan_options* options, size_t size) {
  Clear(options, size);
}

}  // extern "C"
