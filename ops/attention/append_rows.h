// Where an append finds its rows, and where they go.

#ifndef JITATTN_OPS_ATTENTION_APPEND_ROWS_H_
#define JITATTN_OPS_ATTENTION_APPEND_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "base/dtype.h"
#include "jitattn/jitattn.h"

namespace jitattn::ops {

// The bytes of which a row consists: of a number, or of a block of Q8_0.
struct RowUnit {
  int bytes = 4, elements = 1, alignment = 4;
};

inline constexpr int64_t kQ8Elements = 32;  // of a block of Q8_0, after its scale of two bytes
inline constexpr int kQ8Bytes = 34;

inline RowUnit UnitOf(DType dtype) { return {SizeOf(dtype), 1, SizeOf(dtype)}; }

// REQUIRES: the type is one of floats, OWN excluded.
inline DType FloatsOf(int32_t kv_type) {
  return kv_type == JITATTN_KV_BF16  ? DType::kBF16
         : kv_type == JITATTN_KV_F16 ? DType::kF16
                                     : DType::kF32;
}

inline bool IsFloats(int32_t kv_type) {
  return kv_type != JITATTN_KV_I8 && kv_type != JITATTN_KV_Q8_0;
}

// The type of `to`, if it is one of floats.
inline DType TargetType(const jitattn_append_args& args) {
  return args.to_type == JITATTN_KV_OWN ? static_cast<DType>(args.from_type)
                                        : FloatsOf(args.to_type);
}

inline RowUnit TargetUnit(const jitattn_append_args& args) {
  if (args.to_type == JITATTN_KV_I8) return {1, 1, 1};
  if (args.to_type == JITATTN_KV_Q8_0) return {kQ8Bytes, kQ8Elements, 2};
  return UnitOf(TargetType(args));
}

// Elements that share a scale of I8.
inline int64_t ScaleBlock(const jitattn_append_args& args) {
  return args.scale_block == 0 ? args.dim : args.scale_block;
}
inline int64_t ScaleBlocks(const jitattn_append_args& args) {
  return (args.dim + ScaleBlock(args) - 1) / ScaleBlock(args);
}

// A row, as the first and the third of the strides count.
struct RowPlace {
  int64_t part, row;

  int64_t At(const int64_t (&strides)[3], int64_t head) const {
    return part * strides[0] + head * strides[1] + row * strides[2];
  }
};

// The rows of one sequence.
struct AppendedRows {
  int64_t batch;    // the index of the sequence
  RowPlace source;  // of the first row
  int64_t count;
  int64_t begin;  // the place of the first row in the sequence of `to`
};

inline AppendedRows RowsOf(const jitattn_append_args& args, int64_t batch) {
  AppendedRows rows = {batch, {batch, 0}, args.rows, args.to_begin};
  if (args.from_offsets != nullptr) {
    rows.source = {0, args.from_offsets[batch]};
    rows.count = args.from_offsets[batch + 1] - args.from_offsets[batch];
  }
  if (args.from_lens != nullptr) rows.count = args.from_lens[batch];
  if (args.to_begins != nullptr) rows.begin = args.to_begins[batch];
  return rows;
}

// Whether every sequence has the rows of the first one, in its own part.
inline bool HaveSameRows(const jitattn_append_args& args) {
  return args.from_lens == nullptr && args.from_offsets == nullptr && args.to_begins == nullptr;
}

// Whether all rows lie at even distances.
inline bool IsEven(const jitattn_append_args& args) {
  return HaveSameRows(args) && args.page_size == 0;
}

// Where a row of `to` lies.
inline RowPlace TargetPlace(const jitattn_append_args& args, int64_t batch, int64_t row) {
  if (args.page_size == 0) return {batch, row};
  const int32_t page = args.block_table[batch * args.block_table_stride + row / args.page_size];
  return {page, row % args.page_size};
}

// The position that rotates row i of a sequence.
inline int64_t PositionOf(const jitattn_append_args& args, const AppendedRows& rows, int64_t i) {
  if (args.positions == nullptr) return rows.begin + i;
  return args.from_offsets != nullptr ? args.positions[rows.source.row + i]
                                      : args.positions[rows.batch * args.position_stride + i];
}

// Calls f(first, count) for the rows of a sequence, a page at a time.
template <typename F>
void ForEachPage(const jitattn_append_args& args, const AppendedRows& rows, const F& f) {
  int64_t first = 0;
  while (first < rows.count) {
    int64_t count = rows.count - first;
    if (args.page_size > 0) {
      count = std::min(count, args.page_size - (rows.begin + first) % args.page_size);
    }
    f(first, count);
    first += count;
  }
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_APPEND_ROWS_H_
