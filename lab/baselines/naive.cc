// The textbook formulas, one element at a time. Compiled without vectorisation.

#include <math.h>

#include "lab/baselines/loops.h"

namespace jitattn::lab {
namespace {

float Exp(float x) { return expf(x); }
double Exp(double x) { return exp(x); }

template <typename T>
bool Attention(const HeadRows<T>& a) {
  for (int64_t i = a.first; i < a.last; ++i) {
    if ((i - a.first) % a.rows_between == 0 && a.give_up(a.asked)) return false;
    T* scores = a.scratch + (i - a.first) * a.kv_len;
    for (int64_t j = 0; j < a.kv_len; ++j) {
      T dot = 0;
      for (int64_t d = 0; d < a.head_dim; ++d)
        dot += a.q[i * a.head_dim + d] * a.k[j * a.head_dim + d];
      scores[j] = a.scale * dot;
    }
  }
  for (int64_t i = a.first; i < a.last; ++i) {
    T* scores = a.scratch + (i - a.first) * a.kv_len;
    const int64_t visible = Visible(i, a.causal_offset, a.kv_len);
    T largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible; ++j) {
      if (scores[j] > largest) largest = scores[j];
    }
    for (int64_t j = 0; j < visible; ++j) sum += scores[j] = Exp(scores[j] - largest);
    for (int64_t j = 0; j < visible; ++j) scores[j] /= sum;
    for (int64_t j = visible; j < a.kv_len; ++j) scores[j] = 0;
  }
  for (int64_t i = a.first; i < a.last; ++i) {
    if ((i - a.first) % a.rows_between == 0 && a.give_up(a.asked)) return false;
    const T* scores = a.scratch + (i - a.first) * a.kv_len;
    for (int64_t d = 0; d < a.value_dim; ++d) {
      T sum = 0;
      for (int64_t j = 0; j < a.kv_len; ++j) sum += scores[j] * a.v[j * a.value_dim + d];
      a.out[i * a.value_dim + d] = sum;
    }
  }
  return true;
}

template <typename T>
void SigmoidMul(const T* x, T* out, int64_t count, T*) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] / (1 + Exp(-x[i]));
}

}  // namespace

Loops NaiveLoops() {
  return {Attention<float>, Attention<double>, SigmoidMul<float>, SigmoidMul<double>, true};
}

}  // namespace jitattn::lab
