// The rows of keys and of values in memory.

#ifndef JITATTN_JIT_ATTENTION_KV_ROW_H_
#define JITATTN_JIT_ATTENTION_KV_ROW_H_

#include "base/dtype.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// A block of ggml's Q8_0: an f16 scale, then an int8 for each element.
inline constexpr int kQ8Elements = 32, kQ8Bytes = 34;

// The type of elements that are floats. REQUIRES: they are.
constexpr DType KvStorage(const AttentionSpec& spec) {
  switch (spec.kv_type) {
    case KvType::kF32:
      return DType::kF32;
    case KvType::kBF16:
      return DType::kBF16;
    case KvType::kF16:
      return DType::kF16;
    default:
      return spec.dtype;
  }
}

constexpr bool HasIntegerKv(const AttentionSpec& spec) {
  return spec.kv_type == KvType::kI8 || spec.kv_type == KvType::kQ8_0;
}

// Whether keys and values are stored like the other operands.
constexpr bool HasOwnKv(const AttentionSpec& spec) {
  return !HasIntegerKv(spec) && KvStorage(spec) == spec.dtype;
}

// A row of `dim` keys' or values' columns.
struct KvRow {
  constexpr KvRow(const AttentionSpec& spec, int dim) : dim(dim), integers(HasIntegerKv(spec)) {
    if (!integers) {
      bytes = dim * SizeOf(KvStorage(spec));
      return;
    }
    inline_scales = spec.kv_type == KvType::kQ8_0;
    bytes = inline_scales ? dim / kQ8Elements * kQ8Bytes : dim;
    const int wanted = inline_scales ? kQ8Elements : spec.kv_scale_block;
    block = wanted < dim || inline_scales ? wanted : 0;
    scales = block == 0 ? 1 : (dim + block - 1) / block;
  }

  int dim;
  bool integers;
  bool inline_scales = false;  // between the integers, not in an array of their own
  int block = 0;               // elements that share a scale; 0: all of them
  int scales = 0;              // of a row
  int bytes;

  // Whether one factor serves a whole row, so that products with the row can be multiplied instead
  // of its elements.
  bool scaled_at_once() const { return integers && block == 0; }
  bool scaled_in_blocks() const { return block > 0; }
  bool has_scale_array() const { return integers && !inline_scales; }
};

// The bytes that strides of a run count, those of an element or of a block.
constexpr int KvElementBytes(const AttentionSpec& spec) {
  if (spec.kv_type == KvType::kQ8_0) return kQ8Bytes;
  return spec.kv_type == KvType::kI8 ? 1 : SizeOf(KvStorage(spec));
}

// Addresses are multiples of an element, or of a block's scale.
constexpr int KvAlignment(const AttentionSpec& spec) {
  return spec.kv_type == KvType::kQ8_0 ? kQ8Bytes - kQ8Elements : KvElementBytes(spec);
}

// The elements of a row in these units.
constexpr int KvElements(const AttentionSpec& spec, int dim) {
  return spec.kv_type == KvType::kQ8_0 ? dim / kQ8Elements : dim;
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_KV_ROW_H_
