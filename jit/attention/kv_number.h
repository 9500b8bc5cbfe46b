// Keys and values as numbers, read without emitted code.

#ifndef JITATTN_JIT_ATTENTION_KV_NUMBER_H_
#define JITATTN_JIT_ATTENTION_KV_NUMBER_H_

#include <cstdint>
#include <cstring>

#include "base/small_float.h"
#include "jit/attention/args.h"
#include "jit/attention/kv_row.h"

namespace jitattn::jit {

// Rows in memory; strides in bytes.
struct KvArray {
  const void* rows;
  int64_t stride;
  const float* scales;  // null: there are none
  int64_t scale_stride;
  // In pages, if there is a table: see AttentionArgs.
  const int32_t* block_table = nullptr;
  int64_t page_size = 0, page_row = 0;
  int64_t page_stride = 0, scale_page_stride = 0;

  const char* RowAt(int64_t row) const {
    return static_cast<const char*>(rows) + At(row, stride, page_stride);
  }
  const char* ScalesAt(int64_t row) const {
    return scales == nullptr
               ? nullptr
               : reinterpret_cast<const char*>(scales) + At(row, scale_stride, scale_page_stride);
  }

 private:
  int64_t At(int64_t row, int64_t of_row, int64_t of_page) const {
    if (block_table == nullptr) return row * of_row;
    const int64_t place = page_row + row;
    return block_table[place / page_size] * of_page + place % page_size * of_row;
  }
};

inline KvArray KeysOf(const AttentionArgs& args) {
  return {
      args.k,         args.k_stride, args.k_scales,      args.k_scale_stride,     args.block_table,
      args.page_size, args.page_row, args.k_page_stride, args.k_scale_page_stride};
}
inline KvArray ValuesOf(const AttentionArgs& args) {
  return {
      args.v,         args.v_stride, args.v_scales,      args.v_scale_stride,     args.block_table,
      args.page_size, args.page_row, args.v_page_stride, args.v_scale_page_stride};
}

template <typename S, typename A>
void ReadFloats(const char* from, int count, A* to) {
  for (int i = 0; i < count; ++i) {
    S x;
    std::memcpy(&x, from + i * sizeof x, sizeof x);  // strides may leave elements unaligned
    to[i] = static_cast<A>(x);
  }
}

template <typename A>
void ReadIntegers(const KvRow& row, const char* from, const char* scales, A* to) {
  const auto integer = [](const char* at) { return static_cast<A>(static_cast<int8_t>(*at)); };
  if (row.inline_scales) {
    for (int i = 0; i < row.dim; ++i) {
      const char* const block = from + i / kQ8Elements * kQ8Bytes;
      Float16 scale;
      std::memcpy(&scale, block, sizeof scale);
      const char* const elements = block + (kQ8Bytes - kQ8Elements);
      to[i] = integer(elements + i % kQ8Elements) * static_cast<A>(static_cast<float>(scale));
    }
    return;
  }
  for (int i = 0; i < row.dim; ++i) {
    float scale;
    std::memcpy(&scale, scales + (row.block > 0 ? i / row.block : 0) * sizeof scale, sizeof scale);
    to[i] = integer(from + i) * static_cast<A>(scale);
  }
}

// to[i] = element i of the row at `from`. With A wider than float the numbers are exact; in float,
// an integer times its scale is rounded once.
template <typename A>
void ReadKvRow(const AttentionSpec& spec, const KvRow& row, const char* from, const char* scales,
               A* to) {
  if (row.integers) return ReadIntegers(row, from, scales, to);
  switch (KvStorage(spec)) {
    case DType::kF64:
      return ReadFloats<double>(from, row.dim, to);
    case DType::kBF16:
      return ReadFloats<BFloat16>(from, row.dim, to);
    case DType::kF16:
      return ReadFloats<Float16>(from, row.dim, to);
    default:
      return ReadFloats<float>(from, row.dim, to);
  }
}

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_KV_NUMBER_H_
