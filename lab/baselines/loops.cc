// Loops for the compiler to vectorise. This file is compiled once for each instruction set;
// JITATTN_LOOPS is the namespace of that version. Only TwoPass and Vectorised may have external
// linkage.

#include "lab/baselines/loops.h"

#include <math.h>

namespace jitattn::lab::JITATTN_LOOPS {
namespace {

float LibraryExp(float x) { return expf(x); }
double LibraryExp(double x) { return exp(x); }

// ---- two-pass -----------------------------------------------------------------------------------

// Computes the scores of kKeyBlock keys from a transposed block. The inner loop runs over keys, so
// that it can be vectorised without reordering a sum.
template <typename T>
void ScoreBlock(const HeadRows<T>& a, int64_t first_key, int64_t keys, T* block) {
  for (int64_t j = 0; j < keys; ++j) {
    for (int64_t d = 0; d < a.head_dim; ++d) {
      block[d * kKeyBlock + j] = a.k[(first_key + j) * a.head_dim + d];
    }
  }
  for (int64_t i = a.first; i < a.last; ++i) {
    T sums[kKeyBlock] = {};
    const T* q = a.q + i * a.head_dim;
    for (int64_t d = 0; d < a.head_dim; ++d) {
      for (int64_t j = 0; j < kKeyBlock; ++j) sums[j] += q[d] * block[d * kKeyBlock + j];
    }
    T* scores = a.scratch + (i - a.first) * a.kv_len + first_key;
    for (int64_t j = 0; j < keys; ++j) scores[j] = a.scale * sums[j];
  }
}

template <typename T>
void Softmax(T* scores, int64_t visible, int64_t all) {
  T largest = -INFINITY, sum = 0;
  for (int64_t j = 0; j < visible; ++j) largest = scores[j] > largest ? scores[j] : largest;
  for (int64_t j = 0; j < visible; ++j) {
    scores[j] = LibraryExp(scores[j] - largest);
    sum += scores[j];
  }
  for (int64_t j = 0; j < visible; ++j) scores[j] /= sum;
  for (int64_t j = visible; j < all; ++j) scores[j] = 0;
}

template <typename T>
bool TwoPassAttention(const HeadRows<T>& a) {
  const int64_t rows = a.last - a.first;
  T* block = a.scratch + rows * a.kv_len;
  for (int64_t i = 0; i < kKeyBlock * a.head_dim; ++i) block[i] = 0;
  for (int64_t j = 0; j < a.kv_len; j += kKeyBlock) {
    if (a.give_up(a.asked)) return false;
    ScoreBlock(a, j, a.kv_len - j < kKeyBlock ? a.kv_len - j : kKeyBlock, block);
  }
  for (int64_t i = a.first; i < a.last; ++i) {
    Softmax(a.scratch + (i - a.first) * a.kv_len, Visible(i, a.causal_offset, a.kv_len), a.kv_len);
    for (int64_t d = 0; d < a.value_dim; ++d) a.out[i * a.value_dim + d] = 0;
  }
  for (int64_t block_key = 0; block_key < a.kv_len; block_key += kKeyBlock) {
    if (a.give_up(a.asked)) return false;
    const int64_t end = a.kv_len - block_key < kKeyBlock ? a.kv_len : block_key + kKeyBlock;
    for (int64_t i = a.first; i < a.last; ++i) {
      const T* scores = a.scratch + (i - a.first) * a.kv_len;
      T* out = a.out + i * a.value_dim;
      for (int64_t j = block_key; j < end; ++j) {
        const T* v = a.v + j * a.value_dim;
        for (int64_t d = 0; d < a.value_dim; ++d) out[d] += scores[j] * v[d];
      }
    }
  }
  return true;
}

template <typename T>
void TwoPassSigmoidMul(const T* x, T* out, int64_t count, T* sigmoid) {
  for (int64_t i = 0; i < count; ++i) sigmoid[i] = 1 / (1 + LibraryExp(-x[i]));
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] * sigmoid[i];
}

// ---- compiler-vectorised ------------------------------------------------------------------------

// exp in plain arithmetic, so that loops with it can be vectorised: exp(x) = 2^n · e^r, where 2^n
// comes from exponent bits and e^r, |r| ≤ ln 2 / 2, from its series, whose first omitted term is
// below half an ulp.
inline float Exp(float x) {
  constexpr float kMagic = 12582912;  // 1.5 · 2^23: adding it rounds to an integer
  x = x < -87 ? -87 : x > 88 ? 88 : x;
  const float shifted = x * 1.44269504f + kMagic;
  const float n = shifted - kMagic;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1;
  p = p * r + 1;
  const uint32_t power = (__builtin_bit_cast(uint32_t, shifted) << 23) + (127u << 23);
  return p * __builtin_bit_cast(float, power);
}

inline double Exp(double x) {
  constexpr double kMagic = 6755399441055744;  // 1.5 · 2^52
  x = x < -708 ? -708 : x > 709 ? 709 : x;
  const double shifted = x * 1.4426950408889634 + kMagic;
  const double n = shifted - kMagic;
  const double r = (x - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  const uint64_t power = (__builtin_bit_cast(uint64_t, shifted) << 52) + (uint64_t{1023} << 52);
  return p * __builtin_bit_cast(double, power);
}

// Computes the scores of kRows rows and all keys. Each key is read once for all kRows rows.
template <typename T, int kRows>
void Scores(const HeadRows<T>& a, int64_t row, T* scores) {
  const T* q[kRows];
  for (int r = 0; r < kRows; ++r) q[r] = a.q + (row + r) * a.head_dim;
  for (int64_t j = 0; j < a.kv_len; ++j) {
    const T* k = a.k + j * a.head_dim;
    if constexpr (kRows == 4) {
      T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      const T *q0 = q[0], *q1 = q[1], *q2 = q[2], *q3 = q[3];
#pragma omp simd reduction(+ : s0, s1, s2, s3)
      for (int64_t d = 0; d < a.head_dim; ++d) {
        s0 += q0[d] * k[d];
        s1 += q1[d] * k[d];
        s2 += q2[d] * k[d];
        s3 += q3[d] * k[d];
      }
      scores[j] = a.scale * s0;
      scores[a.kv_len + j] = a.scale * s1;
      scores[2 * a.kv_len + j] = a.scale * s2;
      scores[3 * a.kv_len + j] = a.scale * s3;
    } else {
      T s0 = 0;
      const T* q0 = q[0];
#pragma omp simd reduction(+ : s0)
      for (int64_t d = 0; d < a.head_dim; ++d) s0 += q0[d] * k[d];
      scores[j] = a.scale * s0;
    }
  }
}

template <typename T>
void VectorSoftmax(T* scores, int64_t visible, int64_t all) {
  T largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < visible; ++j) largest = scores[j] > largest ? scores[j] : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < visible; ++j) {
    scores[j] = Exp(scores[j] - largest);
    sum += scores[j];
  }
  const T factor = visible > 0 ? 1 / sum : 0;
#pragma omp simd
  for (int64_t j = 0; j < visible; ++j) scores[j] *= factor;
  for (int64_t j = visible; j < all; ++j) scores[j] = 0;
}

// Adds four keys at a time, so that each output row is loaded and stored once per four products.
template <typename T, int kRows>
void Values(const HeadRows<T>& a, int64_t row, const T* scores) {
  for (int r = 0; r < kRows; ++r) {
    T* out = a.out + (row + r) * a.value_dim;
#pragma omp simd
    for (int64_t d = 0; d < a.value_dim; ++d) out[d] = 0;
  }
  int64_t j = 0;
  for (; j + 4 <= a.kv_len; j += 4) {
    const T *v0 = a.v + j * a.value_dim, *v1 = v0 + a.value_dim, *v2 = v1 + a.value_dim,
            *v3 = v2 + a.value_dim;
    for (int r = 0; r < kRows; ++r) {
      T* out = a.out + (row + r) * a.value_dim;
      const T* p = scores + r * a.kv_len + j;
      const T p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3];
#pragma omp simd
      for (int64_t d = 0; d < a.value_dim; ++d) {
        out[d] += p0 * v0[d] + p1 * v1[d] + p2 * v2[d] + p3 * v3[d];
      }
    }
  }
  for (; j < a.kv_len; ++j) {
    const T* v = a.v + j * a.value_dim;
    for (int r = 0; r < kRows; ++r) {
      T* out = a.out + (row + r) * a.value_dim;
      const T p = scores[r * a.kv_len + j];
#pragma omp simd
      for (int64_t d = 0; d < a.value_dim; ++d) out[d] += p * v[d];
    }
  }
}

template <typename T, int kRows>
void VectorRows(const HeadRows<T>& a, int64_t row) {
  Scores<T, kRows>(a, row, a.scratch);
  for (int r = 0; r < kRows; ++r) {
    VectorSoftmax(a.scratch + r * a.kv_len, Visible(row + r, a.causal_offset, a.kv_len), a.kv_len);
  }
  Values<T, kRows>(a, row, a.scratch);
}

template <typename T>
bool VectorAttention(const HeadRows<T>& a) {
  int64_t row = a.first, asked_at = a.first;
  while (row < a.last) {
    if (row >= asked_at) {
      if (a.give_up(a.asked)) return false;
      asked_at = row + a.rows_between;
    }
    if (row + kFewRows <= a.last) {
      VectorRows<T, kFewRows>(a, row);
      row += kFewRows;
    } else {
      VectorRows<T, 1>(a, row);
      ++row;
    }
  }
  return true;
}

template <typename T>
void VectorSigmoidMul(const T* x, T* out, int64_t count, T*) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] / (1 + Exp(-x[i]));
}

}  // namespace

Loops TwoPass() {
  return {TwoPassAttention<float>, TwoPassAttention<double>, TwoPassSigmoidMul<float>,
          TwoPassSigmoidMul<double>, true};
}

Loops Vectorised() {
  return {VectorAttention<float>, VectorAttention<double>, VectorSigmoidMul<float>,
          VectorSigmoidMul<double>, false};
}

}  // namespace jitattn::lab::JITATTN_LOOPS
