// Attention computed by its formula, for rows that share keys and values.

#ifndef JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_
#define JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "base/small_float.h"
#include "jit/attention/band.h"
#include "jit/attention/bias.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::ops {

struct RowId {
  int64_t batch, head, row;
};

// What is added to the scores, [batch][head][query][key]. Strides are in elements; keys are
// contiguous.
struct FormulaBias {
  jit::Bias kind = jit::Bias::kNone;
  const void* first = nullptr;
  int64_t strides[3] = {};

  // The bias of a query's key for operands of type T. −∞ hides the key.
  template <typename T>
  double At(const RowId& id, int64_t key) const {
    const int64_t i = id.batch * strides[0] + id.head * strides[1] + id.row * strides[2] + key;
    if (kind == jit::Bias::kNone) return 0;
    if (kind == jit::Bias::kF32) return Load<float>(i);
    if (kind == jit::Bias::kOwn) return static_cast<double>(Load<T>(i));
    return Load<uint8_t>(i) != 0 ? 0 : -std::numeric_limits<double>::infinity();
  }

 private:
  template <typename E>
  E Load(int64_t i) const {
    E element;
    std::memcpy(&element, static_cast<const char*>(first) + i * int64_t{sizeof element},
                sizeof element);
    return element;
  }
};

// out[r][d] = Σ_j softmax_j(scale · q_r·k[j] + bias_rj) · v[j][d], with operands of type T,
// computed in A. With A wider than Compute<T> this is the reference. With A = Compute<T> this is
// the plain loop that one would write first: sums in order, probabilities rounded to T.
//   Keys that no row sees are not read. A key has no effect on rows that do not see it. A row that
//   sees no key gives zeros. Infinite scores are not special: ∞ − ∞ is NaN.
template <typename T, typename A>
class FormulaRows {
 public:
  // `band`: the keys that each row sees. REQUIRES: at least one row; all rows are of the same batch
  // and kv head.
  FormulaRows(const AttentionProblem& problem, const jitattn_attention_args& args,
              const jit::Band& band, std::span<const RowId> rows, const FormulaBias& bias = {});

  const std::vector<A>& out() const { return out_; }  // [rows][value_dim]
  // The largest Σ_j softmax_j · |v[j][d] − out[r][d]| over all rows r and columns d.
  double Spread() const;

 private:
  // Keys at a time: Scores has that many independent sums, and Sum keeps the weights in registers.
  static constexpr int kKeys = std::is_same_v<A, long double> ? 4 : 8;
  // Operands are converted to this type once for all rows. Not to long double: x87 loads convert.
  using Held = std::conditional_t<std::is_same_v<A, long double>, T, A>;

  void Scores(const std::vector<Held>& q, A scale);
  void AddBias(const FormulaBias& bias, std::span<const RowId> rows);
  bool Hides(size_t row, int64_t key) const { return has_bias_ && hidden_[row * keys_ + key]; }
  void Normalise(size_t row);
  void Sum();

  const int64_t head_dim_, value_dim_;
  int64_t first_key_, keys_;  // the range of keys that at least one of the rows sees
  const T *k_, *v_;
  const int64_t k_stride_, v_stride_;
  std::vector<jit::IndexRange> visible_;  // for each row, relative to first_key_
  std::vector<A> weights_;                // [rows][keys]
  const bool has_bias_;
  std::vector<bool> hidden_;  // by the bias  [rows][keys]
  std::vector<A> out_;
};

template <typename T, typename A>
FormulaRows<T, A>::FormulaRows(const AttentionProblem& problem, const jitattn_attention_args& args,
                               const jit::Band& band, std::span<const RowId> rows,
                               const FormulaBias& bias)
    : head_dim_(problem.head_dim),
      value_dim_(problem.value_dim),
      k_stride_(args.k_strides[2]),
      v_stride_(args.v_strides[2]),
      has_bias_(bias.kind != jit::Bias::kNone) {
  const auto at = [](const void* base, const int64_t(&strides)[3], int64_t batch, int64_t head) {
    return static_cast<const T*>(base) + batch * strides[0] + head * strides[1];
  };
  const int64_t batch = rows[0].batch, kv_head = rows[0].head / (problem.heads / problem.kv_heads);
  k_ = at(args.k, args.k_strides, batch, kv_head);
  v_ = at(args.v, args.v_strides, batch, kv_head);
  std::vector<Held> q;
  for (const RowId& id : rows) {
    const T* row = at(args.q, args.q_strides, id.batch, id.head) + id.row * args.q_strides[2];
    for (int64_t d = 0; d < head_dim_; ++d) q.push_back(static_cast<Held>(row[d]));
    visible_.push_back(band.Keys(id.row, args.kv_len));
  }
  first_key_ = std::ranges::min(visible_, {}, &jit::IndexRange::first).first;
  keys_ = std::ranges::max(visible_, {}, &jit::IndexRange::end).end - first_key_;
  k_ += first_key_ * k_stride_;
  v_ += first_key_ * v_stride_;
  for (jit::IndexRange& keys : visible_) keys.first -= first_key_, keys.end -= first_key_;
  weights_.resize(rows.size() * keys_);
  out_.resize(rows.size() * value_dim_);
  Scores(q, static_cast<A>(args.scale));
  if (has_bias_) AddBias(bias, rows);
  for (size_t row = 0; row < rows.size(); ++row) Normalise(row);
  Sum();
}

// weights[r][j] = scale · q_r·k[j]; products are summed in the order of the columns.
template <typename T, typename A>
void FormulaRows<T, A>::Scores(const std::vector<Held>& q, A scale) {
  std::vector<Held> columns(head_dim_ * kKeys);  // [head_dim][kKeys]
  for (int64_t j = 0; j < keys_; j += kKeys) {
    const int64_t here = std::min<int64_t>(kKeys, keys_ - j);
    for (int64_t key = 0; key < here; ++key) {
      const T* row = k_ + (j + key) * k_stride_;
      for (int64_t d = 0; d < head_dim_; ++d) columns[d * kKeys + key] = static_cast<Held>(row[d]);
    }
    for (size_t r = 0; r < visible_.size(); ++r) {
      A sums[kKeys] = {};
      for (int64_t d = 0; d < head_dim_; ++d) {
        const A x = q[r * head_dim_ + d];
        for (int key = 0; key < kKeys; ++key) sums[key] += x * columns[d * kKeys + key];
      }
      for (int64_t key = 0; key < here; ++key) weights_[r * keys_ + j + key] = scale * sums[key];
    }
  }
}

// A hidden key has no effect, whatever its score is.
template <typename T, typename A>
void FormulaRows<T, A>::AddBias(const FormulaBias& bias, std::span<const RowId> rows) {
  hidden_.resize(weights_.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    for (int64_t key = 0; key < keys_; ++key) {
      const A x = static_cast<A>(bias.template At<T>(rows[r], first_key_ + key));
      A& score = weights_[r * keys_ + key];
      hidden_[r * keys_ + key] = x == -std::numeric_limits<A>::infinity();
      score = hidden_[r * keys_ + key] ? x : score + x;
    }
  }
}

template <typename T, typename A>
void FormulaRows<T, A>::Normalise(size_t row) {
  const std::span<A> weights(weights_.data() + row * keys_ + visible_[row].first,
                             visible_[row].size());
  A largest = -std::numeric_limits<A>::infinity(), sum = 0;
  bool all_hidden = true;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > largest) largest = weights[i];
    all_hidden &= Hides(row, visible_[row].first + static_cast<int64_t>(i));
  }
  for (A& w : weights) {
    w = std::exp(w - largest);
    if constexpr (std::is_same_v<A, Compute<T>>) w = static_cast<T>(w);
    sum += w;
  }
  if (has_bias_ && all_hidden) {
    std::ranges::fill(weights, A{0});
    return;
  }
  for (A& w : weights) w /= sum;  // not rounded to T a second time
}

// out[r] = Σ_j weights[r][j] · v[j], summed in the order of the keys.
template <typename T, typename A>
void FormulaRows<T, A>::Sum() {
  std::vector<Held> values(kKeys * value_dim_);  // [kKeys][value_dim]
  for (int64_t j = 0; j < keys_; j += kKeys) {
    for (int64_t key = 0; key < std::min<int64_t>(kKeys, keys_ - j); ++key) {
      const T* row = v_ + (j + key) * v_stride_;
      Held* const value = values.data() + key * value_dim_;
      for (int64_t d = 0; d < value_dim_; ++d) value[d] = static_cast<Held>(row[d]);
    }
    for (size_t r = 0; r < visible_.size(); ++r) {
      const A* const weights = weights_.data() + r * keys_ + j;
      A* const out = out_.data() + r * value_dim_;
      const jit::IndexRange& visible = visible_[r];
      if (!has_bias_ && visible.first <= j && j + kKeys <= visible.end) {
        A w[kKeys];  // a copy in registers, since `out` might alias the weights
        std::copy_n(weights, kKeys, w);
        for (int64_t d = 0; d < value_dim_; ++d) {
          A sum = out[d];
          for (int key = 0; key < kKeys; ++key) sum += w[key] * values[key * value_dim_ + d];
          out[d] = sum;
        }
        continue;
      }
      for (int64_t key = std::max<int64_t>(0, visible.first - j);
           key < std::min<int64_t>(kKeys, visible.end - j); ++key) {
        if (Hides(r, j + key)) continue;
        for (int64_t d = 0; d < value_dim_; ++d) {
          out[d] += weights[key] * values[key * value_dim_ + d];
        }
      }
    }
  }
}

template <typename T, typename A>
double FormulaRows<T, A>::Spread() const {
  double largest = 0;
  for (size_t i = 0; i < out_.size(); ++i) {
    const size_t row = i / value_dim_, d = i % value_dim_;
    A spread = 0;
    for (int64_t j = visible_[row].first; j < visible_[row].end; ++j) {
      if (Hides(row, j)) continue;
      spread +=
          weights_[row * keys_ + j] * std::abs(static_cast<A>(v_[j * v_stride_ + d]) - out_[i]);
    }
    if (std::isfinite(spread)) largest = std::max(largest, static_cast<double>(spread));
  }
  return largest;
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_
