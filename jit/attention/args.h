// The arguments of one call of an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_ARGS_H_
#define JITATTN_JIT_ATTENTION_ARGS_H_

#include <cstdint>

#include "jit/attention/spec.h"

namespace jitattn::jit {

// A run of consecutive queries of one head, or ("rows" only) of every head of a group. Emitted code
// reads the fields by offsetof.
struct AttentionArgs {
  const AttentionSpec* spec;  // read by the portable kernel only
  const void* q;              // [q_rows][head_dim]
  const void* k;              // [kv_len][head_dim]
  const void* v;              // [kv_len][value_dim]
  void* out;                  // [q_rows][value_dim]
  int64_t q_stride, k_stride, v_stride,
      out_stride;  // between rows, in bytes; each row is contiguous
  int64_t q_rows;  // any number ≥ 0; the kernel splits them into tiles
  int64_t kv_len;
  int64_t right;  // row i of this call sees keys j ≤ i + right, if the mask has a right end
  double scale;
  void* scratch;  // Kernel::scratch_bytes(kv_len, q_rows · group), 64-byte aligned, any contents

  // Only "rows" kernels read the following fields.
  int64_t group = 1;                               // query heads that share k and v
  int64_t q_head_stride = 0, out_head_stride = 0;  // bytes between them
  // A softmax over keys split among several calls.
  //   0       one call takes all keys
  //   kPart   writes this call's partial result (m, l, O), RowsPartBytes() bytes, to `part`; `out`
  //           is untouched
  //   n > 0   ignores `k` and `v`; merges n partial results, `part_stride` bytes apart from `part`
  //           on, in this order, into `out`
  // REQUIRES for n > 0: the other arguments describe all keys together.
  static constexpr int64_t kPart = -1;
  int64_t parts = 0;
  void* part = nullptr;  // 64-byte aligned
  int64_t part_stride = 0;
  // The rows of K that this thread reads next, `k_stride` apart; null if unknown.
  const void* next_k = nullptr;
  int64_t next_keys = 0;

  // Windows: row i of this call sees keys j ≥ i + left.
  int64_t left = 0;
  // The bias of the call's first query and key; keys are contiguous. Strides in bytes between
  // queries and, "rows" only, between query heads; either may be 0.
  const void* bias = nullptr;
  int64_t bias_stride = 0, bias_head_stride = 0;
  // These point to the number of the call's first head; "rows" kernels read one for each head of
  // the group.
  const float* sinks = nullptr;         // logits, in the units of the scores
  const float* alibi_slopes = nullptr;  // subtracted from a score: slope · |key − query|
  double softcap = 0;
  // log Σ e^score of each row, natural. Strides in bytes.
  void* lse = nullptr;  // of the compute type
  int64_t lse_stride = 0, lse_head_stride = 0;

  // Position of the call in the operation, for score parts only.
  int64_t first_query = 0, first_key = 0, first_head = 0;

  // KvType::kI8: the scales of `k` and `v`, one or several a row, contiguous (KvRow::scales).
  // Strides between rows in bytes; 0: all rows have the same.
  const float* k_scales = nullptr;
  const float* v_scales = nullptr;
  int64_t k_scale_stride = 0, v_scale_stride = 0;
  // The output gate, of the operands' type; rows as those of `out`. Strides in bytes.
  const void* gate = nullptr;
  int64_t gate_stride = 0, gate_head_stride = 0;

  // Pages only. `k` and `v` are row 0 of page 0. Key j is row (page_row + j) % page_size of the
  // page block_table[(page_row + j) / page_size]. Entries of pages of which no row sees a key are
  // not read. With pages the rows that this thread reads next begin at row next_page_row of the
  // page *next_block_table, of the pages of next_k.
  const int32_t* block_table = nullptr;
  int64_t page_size = 0, page_row = 0;
  // Bytes between pages: of k, v, and their scales.
  int64_t k_page_stride = 0, v_page_stride = 0;
  int64_t k_scale_page_stride = 0, v_scale_page_stride = 0;
  const int32_t* next_block_table = nullptr;
  int64_t next_page_row = 0;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ARGS_H_
