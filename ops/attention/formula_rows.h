// Attention computed by its formula, for rows that share keys and values.

#ifndef JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_
#define JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "base/small_float.h"
#include "jit/attention/band.h"
#include "jit/attention/kv_number.h"
#include "jitattn/jitattn.h"
#include "ops/attention/kv.h"
#include "ops/attention/problem.h"
#include "ops/attention/sequence.h"

namespace jitattn::ops {

struct RowId {
  int64_t batch, head, row;
};

// out[r][d] = Σ_j softmax_j(score) · v[j][d] for score = scale · q_r·k[j], then softcap, ALiBi,
// bias, and with sinks among the weights; times sigmoid(gate) with an output gate. Operands of type
// T, computed in A. With A wider than
// Compute<T> this is the reference. With A = Compute<T> this is the plain loop that one would write
// first: sums in order, probabilities rounded to T. Factors::kRounded is the plain loop of
// bf16_math: operands and probabilities are rounded to bf16.
//   Keys that no row sees are not read. A key has no effect on rows that do not see it. A row that
//   sees no key gives zeros. Infinite scores are not special: ∞ − ∞ is NaN.
enum class Factors { kGiven, kRounded };

template <typename T, typename A>
class FormulaRows {
 public:
  // REQUIRES: at least one row; all rows are of the same batch and kv head.
  FormulaRows(const AttentionProblem& problem, const jitattn_attention_args& args,
              std::span<const RowId> rows, Factors factors = Factors::kGiven);

  const std::vector<A>& out() const { return out_; }  // [rows][value_dim]
  const std::vector<A>& lse() const { return lse_; }  // [rows]: log Σ_j e^score_j
  // The largest Σ_j softmax_j · |v[j][d] − out[r][d]| over all rows r and columns d.
  double Spread() const;

 private:
  // Keys at a time: Scores has that many independent sums, and Sum keeps the weights in registers.
  static constexpr int kKeys = std::is_same_v<A, long double> ? 4 : 8;
  // Operands are converted to this type once for all rows. Not to long double: x87 loads convert.
  using Held = std::conditional_t<std::is_same_v<A, long double>, T, A>;

  Held Factor(Held x) const {
    return factors_ == Factors::kGiven ? x : static_cast<Held>(Rounded(x));
  }
  static BFloat16 Rounded(Held x) { return BFloat16(static_cast<float>(x)); }
  void ReadKv(const jit::KvRow& row, const jit::KvArray& array, int64_t key, Held* to) const {
    jit::ReadKvRow(KvSpecOf(problem_), row, array.RowAt(key), array.ScalesAt(key), to);
  }
  void Scores(const std::vector<Held>& q, A scale);
  void ApplyOptions(const RowId& id, size_t row);
  void AddBias(const RowId& id, size_t row);
  A BiasAt(int64_t element) const;
  bool Hides(size_t row, int64_t key) const { return has_bias() && hidden_[row * keys_ + key]; }
  bool has_bias() const { return problem_.bias != jit::Bias::kNone; }
  void Normalise(const RowId& id, size_t row);
  void Sum();
  void Gate(std::span<const RowId> rows);

  const AttentionProblem problem_;
  const jitattn_attention_args args_;
  const Sequence sequence_;
  const Factors factors_;

  const int64_t head_dim_, value_dim_;
  int64_t first_key_, keys_;              // the range of keys that at least one of the rows sees
  jit::KvArray k_ = {}, v_ = {};          // of the range
  std::vector<jit::IndexRange> visible_;  // for each row, relative to first_key_
  std::vector<A> weights_;                // [rows][keys]
  std::vector<bool> hidden_;              // by the bias  [rows][keys]
  std::vector<A> out_, lse_;
  std::vector<A> gates_;  // their sigmoids, with an output gate  [rows][value_dim]
};

template <typename T, typename A>
FormulaRows<T, A>::FormulaRows(const AttentionProblem& problem, const jitattn_attention_args& args,
                               std::span<const RowId> rows, Factors factors)
    : problem_(problem),
      args_(args),
      sequence_(SequenceOf(args, rows[0].batch)),
      factors_(factors),
      head_dim_(problem.head_dim),
      value_dim_(problem.value_dim) {
  std::vector<Held> q;
  for (const RowId& id : rows) {
    const T* row =
        static_cast<const T*>(args.q) + sequence_.QueryAt(args.q_strides, id.head, id.row);
    for (int64_t d = 0; d < head_dim_; ++d) q.push_back(Factor(row[d]));
    visible_.push_back(KeysOf(problem, sequence_, id.row));
  }
  first_key_ = std::ranges::min(visible_, {}, &jit::IndexRange::first).first;
  keys_ = std::ranges::max(visible_, {}, &jit::IndexRange::end).end - first_key_;
  const int64_t kv_head = rows[0].head / (problem.heads / problem.kv_heads);
  k_ = KeysAt(problem, args, sequence_, kv_head, first_key_);
  v_ = ValuesAt(problem, args, sequence_, kv_head, first_key_);
  for (jit::IndexRange& keys : visible_) keys.first -= first_key_, keys.end -= first_key_;
  weights_.resize(rows.size() * keys_);
  out_.resize(rows.size() * value_dim_);
  Scores(q, static_cast<A>(args.scale));
  for (size_t row = 0; row < rows.size(); ++row) {
    ApplyOptions(rows[row], row);
    if (has_bias()) AddBias(rows[row], row);
    Normalise(rows[row], row);
  }
  Sum();
  if (problem.out_gate) Gate(rows);
}

// weights[r][j] = scale · q_r·k[j]; products are summed in the order of the columns.
template <typename T, typename A>
void FormulaRows<T, A>::Scores(const std::vector<Held>& q, A scale) {
  std::vector<Held> columns(head_dim_ * kKeys), row(head_dim_);  // [head_dim][kKeys]
  for (int64_t j = 0; j < keys_; j += kKeys) {
    const int64_t here = std::min<int64_t>(kKeys, keys_ - j);
    for (int64_t key = 0; key < here; ++key) {
      ReadKv(KeyRow(problem_), k_, j + key, row.data());
      for (int64_t d = 0; d < head_dim_; ++d) columns[d * kKeys + key] = Factor(row[d]);
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

template <typename T, typename A>
void FormulaRows<T, A>::ApplyOptions(const RowId& id, size_t row) {
  A* const scores = weights_.data() + row * keys_;
  const jit::IndexRange& visible = visible_[row];
  if (problem_.softcap) {
    const A cap = static_cast<A>(args_.softcap);
    for (int64_t j = visible.first; j < visible.end; ++j) {
      scores[j] = cap * std::tanh(scores[j] / cap);
    }
  }
  if (problem_.alibi) {
    const A slope = args_.alibi_slopes[id.head];
    const int64_t position = id.row + sequence_.offset - first_key_;
    for (int64_t j = visible.first; j < visible.end; ++j) {
      scores[j] -= slope * static_cast<A>(std::abs(j - position));
    }
  }
}

// A hidden key has no effect, whatever its score is.
template <typename T, typename A>
void FormulaRows<T, A>::AddBias(const RowId& id, size_t row) {
  hidden_.resize(weights_.size());
  const int64_t first = id.batch * args_.bias_strides[0] + id.head * args_.bias_strides[1] +
                        id.row * args_.bias_strides[2] + first_key_;
  for (int64_t key = visible_[row].first; key < visible_[row].end; ++key) {
    const A bias = BiasAt(first + key);
    A& score = weights_[row * keys_ + key];
    hidden_[row * keys_ + key] = bias == -std::numeric_limits<A>::infinity();
    score = hidden_[row * keys_ + key] ? bias : score + bias;
  }
}

template <typename T, typename A>
A FormulaRows<T, A>::BiasAt(int64_t element) const {
  switch (problem_.bias) {
    case jit::Bias::kNone:
      return 0;
    case jit::Bias::kF32:
      return static_cast<const float*>(args_.bias)[element];
    case jit::Bias::kOwn:
      return static_cast<A>(static_cast<const T*>(args_.bias)[element]);
    case jit::Bias::kSeen:
      break;
  }
  const bool seen = static_cast<const uint8_t*>(args_.bias)[element] != 0;
  return seen ? 0 : -std::numeric_limits<A>::infinity();
}

template <typename T, typename A>
void FormulaRows<T, A>::Normalise(const RowId& id, size_t row) {
  const std::span<A> weights(weights_.data() + row * keys_ + visible_[row].first,
                             visible_[row].size());
  constexpr A kInfinity = std::numeric_limits<A>::infinity();
  const A sink = problem_.sinks ? static_cast<A>(args_.sinks[id.head]) : -kInfinity;
  A largest = sink;
  for (const A w : weights) {
    if (w > largest) largest = w;
  }
  A sum = largest == -kInfinity ? 0 : std::exp(sink - largest);
  for (A& w : weights) {
    w = std::exp(w - largest);
    if constexpr (std::is_same_v<A, Compute<T>>) {
      w = factors_ == Factors::kGiven
              ? static_cast<A>(static_cast<T>(w))
              : static_cast<A>(Rounded(static_cast<Held>(static_cast<T>(w))));
    }
    sum += w;
  }
  lse_.push_back(sum == 0 ? -kInfinity : largest + std::log(sum));
  const jit::IndexRange& visible = visible_[row];
  bool all_hidden = has_bias();
  for (int64_t key = visible.first; key < visible.end; ++key) all_hidden &= Hides(row, key);
  if (all_hidden) {
    std::ranges::fill(weights, A{0});
    if (!problem_.sinks) lse_.back() = -kInfinity;
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
      Held* const value = values.data() + key * value_dim_;
      ReadKv(ValueRow(problem_), v_, j + key, value);
      for (int64_t d = 0; d < value_dim_; ++d) value[d] = Factor(value[d]);
    }
    for (size_t r = 0; r < visible_.size(); ++r) {
      const A* const weights = weights_.data() + r * keys_ + j;
      A* const out = out_.data() + r * value_dim_;
      const jit::IndexRange& visible = visible_[r];
      if (!has_bias() && visible.first <= j && j + kKeys <= visible.end) {
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
void FormulaRows<T, A>::Gate(std::span<const RowId> rows) {
  for (const RowId& id : rows) {
    const T* const gates =
        static_cast<const T*>(args_.gate) + sequence_.QueryAt(args_.gate_strides, id.head, id.row);
    for (int64_t d = 0; d < value_dim_; ++d) {
      gates_.push_back(1 / (1 + std::exp(-static_cast<A>(gates[d]))));
      out_[gates_.size() - 1] *= gates_.back();
    }
  }
}

template <typename T, typename A>
double FormulaRows<T, A>::Spread() const {
  std::vector<A> spreads(out_.size(), 0);
  std::vector<Held> value(value_dim_);
  for (int64_t j = 0; j < keys_; ++j) {
    ReadKv(ValueRow(problem_), v_, j, value.data());
    for (size_t row = 0; row < visible_.size(); ++row) {
      if (!visible_[row].Has(j) || Hides(row, j)) continue;
      for (int64_t d = 0; d < value_dim_; ++d) {
        const size_t i = row * value_dim_ + d;
        const A gate = gates_.empty() ? 1 : gates_[i];
        spreads[i] +=
            weights_[row * keys_ + j] * std::abs(gate * static_cast<A>(value[d]) - out_[i]);
      }
    }
  }
  double largest = 0;
  for (const A spread : spreads) {
    if (std::isfinite(spread)) largest = std::max(largest, static_cast<double>(spread));
  }
  return largest;
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_FORMULA_ROWS_H_
