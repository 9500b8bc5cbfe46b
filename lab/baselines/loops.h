// The loops of the baselines: raw pointers only, since loops.cc is compiled once for each
// instruction set, and what it shared with the rest of the program could end up there.

#ifndef JITATTN_LAB_BASELINES_LOOPS_H_
#define JITATTN_LAB_BASELINES_LOOPS_H_

#include <stdint.h>

namespace jitattn::lab {

// Rows first … last − 1 of one head; all matrices contiguous.
template <typename T>
struct HeadRows {
  const T *q, *k, *v;  // [q_len][head_dim], [kv_len][head_dim], [kv_len][value_dim]
  T* out;              // [q_len][value_dim]
  int64_t first, last, kv_len, head_dim, value_dim;
  int64_t causal_offset;  // row i sees keys up to i + causal_offset; ≥ kv_len: all
  T scale;
  T* scratch;
  bool (*give_up)(const void*);  // asked every so many rows
  const void* asked;
  int64_t rows_between;
};

// Keys that a row sees.
inline int64_t Visible(int64_t row, int64_t causal_offset, int64_t kv_len) {
  const int64_t last = row + causal_offset + 1;
  return last < 0 ? 0 : last < kv_len ? last : kv_len;
}

// One way of doing both operations. Functions return false where they gave up.
struct Loops {
  bool (*attention_f32)(const HeadRows<float>&);
  bool (*attention_f64)(const HeadRows<double>&);
  // `scratch` has room for `count` elements.
  void (*sigmoid_mul_f32)(const float* x, float* out, int64_t count, float* scratch);
  void (*sigmoid_mul_f64)(const double* x, double* out, int64_t count, double* scratch);
  bool rows_of_scores;  // scratch holds a row of scores for every row; else kFewRows and a block
};

// Elements that the scratch of two-pass and compiler-vectorised needs beside the scores.
inline constexpr int64_t kKeyBlock = 64, kFewRows = 4;

Loops NaiveLoops();

// Defined by loops.cc once for each instruction set that it is compiled for.
namespace loops_none {
Loops TwoPass();
Loops Vectorised();
}  // namespace loops_none
namespace loops_avx2 {
Loops TwoPass();
Loops Vectorised();
}  // namespace loops_avx2
namespace loops_avx512 {
Loops TwoPass();
Loops Vectorised();
}  // namespace loops_avx512

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_LOOPS_H_
