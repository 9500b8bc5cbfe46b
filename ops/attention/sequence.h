// The sequences of a batch, and the pieces of a sequence that kernels compute.

#ifndef JITATTN_OPS_ATTENTION_SEQUENCE_H_
#define JITATTN_OPS_ATTENTION_SEQUENCE_H_

#include <algorithm>
#include <cstdint>

#include "jit/attention/band.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::ops {

// As far from 0 as a position matters; sums of two do not overflow.
inline int64_t Far(int64_t position) {
  return std::clamp(position, -jit::Band::kFar, jit::Band::kFar);
}

// One sequence of a run.
struct Sequence {
  int64_t batch = 0;  // its index
  int64_t q_len = 0;
  int64_t kv_begin = 0, kv_end = 0;  // its keys; those before kv_begin are padding
  int64_t offset = 0;                // query i is at the position of key i + offset; within ±kFar
  int64_t prefix = 0;                // causal: every query sees the keys before this one
  // Where its rows begin. The rows of a ragged batch are those of part 0.
  int64_t q_part = 0, q_row = 0, kv_part = 0, kv_row = 0;

  // Elements from an operand's pointer to a row of the sequence.
  int64_t QueryAt(const int64_t (&strides)[3], int64_t head, int64_t row) const {
    return q_part * strides[0] + head * strides[1] + (q_row + row) * strides[2];
  }
  int64_t KeyAt(const int64_t (&strides)[3], int64_t head, int64_t key) const {
    return kv_part * strides[0] + head * strides[1] + (kv_row + key) * strides[2];
  }
};

// Whether the sequences of a run differ in more than their place, or end before its last key.
inline bool HasSequences(const jitattn_attention_args& run) {
  return run.q_lens != nullptr || run.kv_lens != nullptr || run.kv_begins != nullptr ||
         run.q_offsets != nullptr || run.kv_offsets != nullptr || run.causal_offsets != nullptr ||
         run.prefix_lens != nullptr || run.bias_keys != 0;
}

Sequence UnevenSequence(const jitattn_attention_args& run, int64_t batch);

// Inline, for small calls.
inline Sequence SequenceOf(const jitattn_attention_args& run, int64_t batch) {
  if (HasSequences(run)) return UnevenSequence(run, batch);
  return {.batch = batch,
          .q_len = run.q_len,
          .kv_end = run.kv_len,
          .offset = Far(run.causal_offset),
          .q_part = batch,
          .kv_part = batch};
}

// Consecutive queries that see, under one band, keys of one range.
struct Piece {
  int64_t first_row = 0, rows = 0;
  jit::IndexRange keys;
  jit::Band band;  // of the whole sequence's queries and keys

  // The keys that some query sees.
  jit::IndexRange Seen() const {
    if (rows == 0) return {keys.first, keys.first};
    const int64_t first = std::max(keys.first, band.Keys(first_row, keys.end).first);
    const int64_t end = band.Keys(first_row + rows - 1, keys.end).end;
    // Without a common key of the ends of the band no query sees one.
    return {first, band.left > band.right ? first : std::max(first, end)};
  }
};

// Calls f(piece) for the pieces of these rows. A mask without chunks and prefix has one piece.
template <typename F>
void ForEachPiece(const AttentionProblem& problem, const Sequence& sequence, int64_t first_row,
                  int64_t rows, F f);

// The keys that a query sees, from the definition of the masks.
jit::IndexRange KeysOf(const AttentionProblem& problem, const Sequence& sequence, int64_t row);

// Whether some runs of the problem have several pieces a sequence.
inline bool MayHavePieces(const AttentionProblem& problem, const jitattn_attention_args& run) {
  return problem.chunk > 0 || run.prefix_lens != nullptr;
}

// ---- Implementation of the template above

// The first of the pieces of these rows, of a causal mask with chunks or a prefix.
Piece FirstPiece(const AttentionProblem& problem, const Sequence& sequence, int64_t first_row,
                 int64_t rows);

template <typename F>
void ForEachPiece(const AttentionProblem& problem, const Sequence& sequence, int64_t first_row,
                  int64_t rows, F f) {
  const jit::IndexRange keys = {sequence.kv_begin, sequence.kv_end};
  // The ends of the band are clipped to the range in which they matter, so that no sum in a kernel
  // overflows.
  const jit::Band band = BandOf(problem, sequence.offset).Clipped(sequence.q_len, sequence.kv_end);
  if (problem.chunk == 0 && sequence.prefix == 0) {
    return f(Piece{.first_row = first_row, .rows = rows, .keys = keys, .band = band});
  }
  const int64_t end = first_row + rows;
  while (first_row < end) {
    const Piece piece = FirstPiece(problem, sequence, first_row, end - first_row);
    f(piece);
    first_row += piece.rows;
  }
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_SEQUENCE_H_
