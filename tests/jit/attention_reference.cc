#include "tests/jit/attention_reference.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace jitattn::jit::testing {
namespace {

// The operands in R. Keys lie by columns, so that the scores of many keys grow side by side.
template <typename R, typename T>
class Formula {
 public:
  explicit Formula(const AttentionCase<T>& in)
      : in_(in), q_(in.q.begin(), in.q.end()), k_(in.kv_len * in.spec.head_dim) {
    const int64_t head_dim = in.spec.head_dim;
    const std::vector<R> k = in.other_k.empty() ? Numbers(in.k) : Numbers(in.other_k);
    v_ = in.other_v.empty() ? Numbers(in.v) : Numbers(in.other_v);
    for (int64_t j = 0; j < in.kv_len; ++j)
      for (int64_t d = 0; d < head_dim; ++d) k_[d * in.kv_len + j] = k[j * head_dim + d];
  }

  // The weights of the keys that a row sees; their sum is 1 but for rounding. Sums run from left to
  // right, and exponentials are rounded to Rounded.
  template <typename Rounded>
  std::vector<R> Weights(int64_t row, R* lse = nullptr) const {
    const int64_t head_dim = in_.spec.head_dim;
    std::vector<R> p(in_.Keys(row).size());
    for (int64_t d = 0; d < head_dim; ++d) {
      const R q = q_[row * head_dim + d];
      const R* k = k_.data() + d * in_.kv_len + in_.Keys(row).first;
      for (size_t j = 0; j < p.size(); ++j) p[j] += q * k[j];
    }
    R highest = -std::numeric_limits<R>::infinity(), sum = 0;
    for (R& x : p) x *= static_cast<R>(in_.scale);
    for (size_t j = 0; j < p.size(); ++j) ApplyParts(row, in_.Keys(row).first + j, &p[j]);
    for (size_t j = 0; j < p.size(); ++j) AddBias(row, in_.Keys(row).first + j, &p[j]);
    if (in_.spec.sinks) highest = in_.sink;
    for (const R x : p) highest = std::max(highest, x);
    if (in_.spec.sinks && std::isfinite(highest)) sum = std::exp(in_.sink - highest);
    for (R& x : p) sum += x = static_cast<R>(static_cast<Rounded>(std::exp(x - highest)));
    if (lse != nullptr)
      *lse = sum == 0 ? -std::numeric_limits<R>::infinity() : highest + std::log(sum);
    if (sum == 0) return p;  // every key is hidden
    for (R& x : p) x /= sum;
    return p;
  }

  // out[d] += weights[j] · of(v[j][d], d) over the keys j that the row sees.
  template <typename Of>
  void AddWeighted(int64_t row, const std::vector<R>& weights, Of of, R* out) const {
    const int64_t value_dim = in_.spec.value_dim;
    for (size_t j = 0; j < weights.size(); ++j) {
      if (in_.BiasAt(row, in_.Keys(row).first + j) == kHidden) continue;
      const R w = weights[j];
      const R* v = v_.data() + (in_.Keys(row).first + j) * value_dim;
      for (int64_t d = 0; d < value_dim; ++d) out[d] += w * of(v[d], d);
    }
  }

  const std::vector<R>& values() const { return v_; }

 private:
  template <typename From>
  static std::vector<R> Numbers(const std::vector<From>& from) {
    return {from.begin(), from.end()};
  }

  static constexpr double kHidden = -std::numeric_limits<double>::infinity();

  // A hidden key has no effect, whatever its score is.
  void AddBias(int64_t row, int64_t key, R* score) const {
    const double bias = in_.BiasAt(row, key);
    *score = bias == kHidden ? static_cast<R>(bias) : *score + static_cast<R>(bias);
  }

  void ApplyParts(int64_t row, int64_t key, R* score) const {
    const ScorePlace place = {in_.first.query + row, in_.first.key + key, in_.first.head};
    for (const ScorePart* part : in_.spec.score_parts) {
      if (part == nullptr) break;
      *score = static_cast<R>(part->Apply(static_cast<double>(*score), place, in_.PartArgs()));
    }
  }

  const AttentionCase<T>& in_;
  std::vector<R> q_, k_, v_;
};

// The formula in R, probabilities and results rounded to Rounded.
template <typename R, typename Rounded, typename T>
std::vector<R> Reference(const Formula<R, T>& formula, const AttentionCase<T>& in) {
  std::vector<R> out(in.q_rows * in.spec.value_dim);
  for (int64_t row = 0; row < in.q_rows; ++row) {
    formula.AddWeighted(
        row, formula.template Weights<Rounded>(row), [](R v, int64_t) { return v; },
        out.data() + row * in.spec.value_dim);
    for (int64_t d = 0; d < in.spec.value_dim; ++d)
      out[row * in.spec.value_dim + d] *= in.template GateAt<R>(row, d);
  }
  for (R& x : out) x = static_cast<R>(static_cast<Rounded>(x));
  return out;
}

// Allowed error of a 16-bit type beside the plain loop's error; see ops/attention/checker.cc.
template <typename T>
Wider<T> RoundingBound(const Formula<Wider<T>, T>& formula, const AttentionCase<T>& in,
                       const std::vector<Wider<T>>& exact) {
  using W = Wider<T>;
  W largest = 0, spread = 0;
  for (const W x : exact)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  if (exact.size() < 1024) {
    for (int64_t row = 0; row < in.q_rows; ++row) {
      const W* centre = exact.data() + row * in.spec.value_dim;
      std::vector<W> distance(in.spec.value_dim);
      formula.AddWeighted(
          row, formula.template Weights<W>(row),
          [&](W v, int64_t d) { return std::abs(in.template GateAt<W>(row, d) * v - centre[d]); },
          distance.data());
      for (const W x : distance)
        if (std::isfinite(x)) spread = std::max(spread, x);
    }
  }
  return 0.5 * std::numeric_limits<T>::epsilon() * (2 * largest + spread) +
         std::numeric_limits<T>::denorm_min() / 2 + std::numeric_limits<float>::min();
}

}  // namespace

template <typename T>
Expected<T> Expect(const AttentionCase<T>& in) {
  using W = Wider<T>;
  const Formula<W, T> formula(in);
  Expected<T> expected = {.exact = Reference<W, W>(formula, in), .columns = in.spec.value_dim};
  const auto plain = Reference<Compute<T>, T>(Formula<Compute<T>, T>(in), in);
  for (size_t i = 0; i < plain.size(); ++i) {
    const W exact = expected.exact[i];
    if (std::isfinite(exact) && std::isfinite(plain[i]))
      expected.plain_error = std::max<W>(expected.plain_error, std::abs(plain[i] - exact));
  }
  W largest = 0;
  for (const W x : formula.values())
    if (std::isfinite(x)) largest = std::max<W>(largest, std::abs(x));
  expected.least_bound = 4 * std::numeric_limits<Compute<T>>::epsilon() * largest;
  if constexpr (kIsSmallFloat<T>)
    expected.least_bound += RoundingBound(formula, in, expected.exact);
  return expected;
}

template <typename T>
std::vector<Wider<T>> ExactLse(const AttentionCase<T>& in) {
  using W = Wider<T>;
  const Formula<W, T> formula(in);
  std::vector<W> lse(in.q_rows);
  for (int64_t row = 0; row < in.q_rows; ++row) formula.template Weights<W>(row, &lse[row]);
  return lse;
}

template <typename T>
::testing::AssertionResult AsExactAsAPlainLoop(const Expected<T>& expected,
                                               const std::vector<T>& got) {
  const Wider<T> bound = std::max<Wider<T>>(2 * expected.plain_error, expected.least_bound);
  for (size_t i = 0; i < expected.exact.size(); ++i) {
    const Wider<T> exact = expected.exact[i];
    const bool beyond = !std::isfinite(static_cast<Compute<T>>(exact));
    const bool right = std::isnan(exact) ? std::isnan(got[i])
                       : beyond          ? !std::isfinite(got[i])
                                         : std::abs(got[i] - exact) <= bound;
    if (!right) {
      return ::testing::AssertionFailure()
             << "row " << i / expected.columns << ", column " << i % expected.columns << ": "
             << got[i] << " instead of " << exact << ", bound " << bound;
    }
  }
  return ::testing::AssertionSuccess();
}

template Expected<float> Expect(const AttentionCase<float>&);
template Expected<double> Expect(const AttentionCase<double>&);
template Expected<BFloat16> Expect(const AttentionCase<BFloat16>&);
template Expected<Float16> Expect(const AttentionCase<Float16>&);

template std::vector<double> ExactLse(const AttentionCase<float>&);
template std::vector<long double> ExactLse(const AttentionCase<double>&);
template std::vector<double> ExactLse(const AttentionCase<BFloat16>&);
template std::vector<double> ExactLse(const AttentionCase<Float16>&);

template ::testing::AssertionResult AsExactAsAPlainLoop(const Expected<float>&,
                                                        const std::vector<float>&);
template ::testing::AssertionResult AsExactAsAPlainLoop(const Expected<double>&,
                                                        const std::vector<double>&);
template ::testing::AssertionResult AsExactAsAPlainLoop(const Expected<BFloat16>&,
                                                        const std::vector<BFloat16>&);
template ::testing::AssertionResult AsExactAsAPlainLoop(const Expected<Float16>&,
                                                        const std::vector<Float16>&);

}  // namespace jitattn::jit::testing
