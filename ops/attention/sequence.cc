// The sequences of a batch, and the pieces of a sequence that kernels compute.

#include "ops/attention/sequence.h"

namespace jitattn::ops {
Sequence UnevenSequence(const jitattn_attention_args& run, int64_t batch) {
  Sequence s = {
      .batch = batch, .q_len = run.q_len, .kv_end = run.kv_len, .q_part = batch, .kv_part = batch};
  if (run.q_offsets != nullptr) {
    s.q_part = 0;
    s.q_row = run.q_offsets[batch];
    s.q_len = run.q_offsets[batch + 1] - s.q_row;
  }
  if (run.kv_offsets != nullptr) {
    s.kv_part = 0;
    s.kv_row = run.kv_offsets[batch];
    s.kv_end = run.kv_offsets[batch + 1] - s.kv_row;
  }
  if (run.q_lens != nullptr) s.q_len = run.q_lens[batch];
  if (run.kv_lens != nullptr) s.kv_end = run.kv_lens[batch];
  if (run.prefix_lens != nullptr) s.prefix = run.prefix_lens[batch];
  // The mask keeps its distance from the bottom-right corner.
  s.offset = Far(run.causal_offsets != nullptr
                     ? run.causal_offsets[batch]
                     : Far(run.causal_offset) + (s.kv_end - s.q_len) - (run.kv_len - run.q_len));
  // Keys without a bias are hidden, which moves no mask.
  if (run.bias_keys != 0) s.kv_end = std::min(s.kv_end, run.bias_keys);
  if (run.kv_begins != nullptr) s.kv_begin = std::min(run.kv_begins[batch], s.kv_end);
  return s;
}

Piece FirstPiece(const AttentionProblem& problem, const Sequence& s, int64_t first_row,
                 int64_t rows) {
  const int64_t first = first_row + s.offset;  // the row's position
  Piece piece = {.first_row = first_row, .rows = rows, .keys = {s.kv_begin, s.kv_end}};
  piece.band = jit::Band::Of(problem.mask, 0, s.offset);
  if (s.prefix > 0 && first < s.prefix) {
    piece.rows = std::min(rows, s.prefix - first);
    piece.keys.end = std::min(s.kv_end, s.prefix);
    piece.band.right = jit::Band::kFar;
  } else if (problem.chunk > 0 && first >= 0) {
    const int64_t chunk_begin = first - first % problem.chunk;
    piece.rows = std::min(rows, chunk_begin + problem.chunk - first);
    piece.keys.first = std::max(s.kv_begin, chunk_begin);
    piece.keys.end = std::min(s.kv_end, chunk_begin + problem.chunk);
  } else if (first < 0) {
    piece.rows = std::min(rows, -first);  // before the first key
    piece.keys.end = piece.keys.first;
  }
  piece.keys.end = std::max(piece.keys.end, piece.keys.first);
  piece.band = piece.band.Clipped(s.q_len, s.kv_end);
  return piece;
}

jit::IndexRange KeysOf(const AttentionProblem& problem, const Sequence& s, int64_t row) {
  jit::IndexRange keys = BandOf(problem, s.offset).Clipped(s.q_len, s.kv_end).Keys(row, s.kv_end);
  const int64_t position = row + s.offset;
  if (s.prefix > 0 && position < s.prefix) {
    keys = {0, std::min(s.prefix, s.kv_end)};
  } else if (problem.chunk > 0 && position >= 0) {
    keys.first = std::max(keys.first, position - position % problem.chunk);
  }
  keys.first = std::max(keys.first, s.kv_begin);
  keys.end = std::max(keys.end, keys.first);
  return keys;
}

}  // namespace jitattn::ops
