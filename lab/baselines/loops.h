// The loops of the baselines. The interface has raw pointers only: loops.cc is compiled once for
// each instruction set, and an inline function that it shared with the rest of the program might be
// linked in its AVX-512 version everywhere.

#ifndef JITATTN_LAB_BASELINES_LOOPS_H_
#define JITATTN_LAB_BASELINES_LOOPS_H_

#include <stdint.h>

namespace jitattn::lab {

// Rows first … last − 1 of one head. All matrices are contiguous.
template <typename T>
struct HeadRows {
  const T *q, *k, *v;  // [q_len][head_dim], [kv_len][head_dim], [kv_len][value_dim]
  T* out;              // [q_len][value_dim]
  int64_t first, last, kv_len, head_dim, value_dim;
  int64_t causal_offset;  // row i sees keys up to i + causal_offset; ≥ kv_len: all
  T scale;
  T* scratch;
  bool (*give_up)(const void*);  // called with `asked` about every `rows_between` rows
  const void* asked;
  int64_t rows_between;
};

// Number of keys that a row sees.
inline int64_t Visible(int64_t row, int64_t causal_offset, int64_t kv_len) {
  const int64_t last = row + causal_offset + 1;
  return last < 0 ? 0 : last < kv_len ? last : kv_len;
}

// One implementation of both operations. The attention functions return false if `give_up` returned
// true.
struct Loops {
  bool (*attention_f32)(const HeadRows<float>&);
  bool (*attention_f64)(const HeadRows<double>&);
  // `scratch` has room for `count` elements.
  void (*sigmoid_mul_f32)(const float* x, float* out, int64_t count, float* scratch);
  void (*sigmoid_mul_f64)(const double* x, double* out, int64_t count, double* scratch);
  bool rows_of_scores;  // scratch holds the scores of all rows; else of kFewRows rows
};

// Keys of a block of two-pass, whose scratch holds a transposed block beside the scores; rows that
// compiler-vectorised computes at a time.
inline constexpr int64_t kKeyBlock = 64, kFewRows = 4;

Loops NaiveLoops();

// Defined in loops.cc, which is compiled once for each of these instruction sets.
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
