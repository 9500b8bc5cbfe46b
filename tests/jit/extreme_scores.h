// Attention problems at the ends of the range of numbers, configurations of every form of kernel,
// and bounds on results that hold for any rounding of the scores.

#ifndef JITATTN_TESTS_JIT_EXTREME_SCORES_H_
#define JITATTN_TESTS_JIT_EXTREME_SCORES_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "jit/parts/emit_exp.h"
#include "tests/jit/attention_reference.h"

namespace jitattn::jit::testing {

// One configuration for each way in which scores become results, with small tiles and chunks, so
// that few keys fill several.
inline std::vector<ops::Config> EveryForm(Isa isa, const AttentionSpec& spec, const Cpu& cpu,
                                          int kv_block = 32) {
  if (isa == Isa::kPortable) return {ops::PortableAttentionConfig{}};
  std::vector<ops::Config> forms;
  const auto add = [&](const ops::Config& config) {
    const ops::Config form = CanonicalFor(spec, config);
    if (ValidateFor(spec, form, cpu).ok() && std::ranges::find(forms, form) == forms.end())
      forms.push_back(form);
  };
  for (const int degree : EmitExp::Degrees(isa, spec.dtype)) {
    TilesConfig tiles = {.isa = isa, .q_vecs = 2, .kv_block = kv_block, .qk_keys = 6};
    tiles.qk_vecs = tiles.exp_vecs = tiles.pv_vecs = 2;
    tiles.pv_rows = 4;
    tiles.exp_degree = degree;
    for (const PvForm pv : {PvForm::kNatural, PvForm::kTransposed, PvForm::kPairs}) {
      tiles.pv = pv;
      for (tiles.fuse_exp = 0; tiles.fuse_exp <= 1; ++tiles.fuse_exp)
        for (tiles.pack = 0; tiles.pack <= 1; ++tiles.pack) add(tiles);
    }
    RowsConfig rows = {.isa = isa, .tile_rows = 4, .kv_block = kv_block};
    rows.exp_vecs = rows.pv_vecs = 2;
    rows.exp_degree = degree;
    for (rows.pairs = 0; rows.pairs <= 1; ++rows.pairs) add(rows);
  }
  return forms;
}

// Magnitudes of scores, from the largest integers that are exact in float to the end of its range.
template <typename T>
std::vector<double> ScoreSizes() {
  std::vector<double> sizes = {1e6, 1e8, 3e8, 1e9, 2e9, 3e9, 1e10, 1e15, 1e20, 1e30, 5e37};
  if (std::is_same_v<T, double>)
    for (const double size : {5e17, 1e18, 2e18, 1e19, 1e100, 5e307}) sizes.push_back(size);
  return sizes;
}

// Operands of either sign between ½ and 1 times what makes scores of `size` at most.
template <typename T>
AttentionCase<T> RandomScores(const AttentionSpec& spec, int64_t q_rows, int64_t kv_len,
                              double size, uint64_t seed) {
  AttentionCase<T> in{.spec = spec, .q_rows = q_rows, .kv_len = kv_len, .offset = kv_len - q_rows};
  in.Fill(seed);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> half_to_one(0.5, 1);
  constexpr double kMost = 3e4;  // f16 has it
  for (std::vector<T>* m : {&in.q, &in.k})
    for (T& x : *m) x = static_cast<T>(kMost * (random() % 2 ? 1 : -1) * half_to_one(random));
  in.scale = size / (spec.head_dim * kMost * kMost);
  return in;
}

// Every key is the same, or 0.
template <typename T>
AttentionCase<T> EqualScores(const AttentionSpec& spec, int64_t q_rows, int64_t kv_len, double size,
                             uint64_t seed, int every_other) {
  auto in = RandomScores<T>(spec, q_rows, kv_len, size, seed);
  for (int64_t key = 0; key < kv_len; ++key) {
    for (int d = 0; d < spec.head_dim; ++d)
      in.k[key * spec.head_dim + d] = key % every_other == 0 ? in.k[d] : T(0.0f);
  }
  return in;
}

// Lower and upper bound of each result, [row][column].
template <typename T>
struct Allowed {
  struct Range {
    Wider<T> low, high;
  };
  std::vector<Range> ranges;
  int64_t columns = 0;
};

template <typename T>
::testing::AssertionResult Within(const Allowed<T>& allowed, const std::vector<T>& got) {
  for (size_t i = 0; i < allowed.ranges.size(); ++i) {
    const auto [low, high] = allowed.ranges[i];
    const Wider<T> y = static_cast<Wider<T>>(got[i]);
    if (y >= low && y <= high) continue;
    return ::testing::AssertionFailure()
           << "row " << i / allowed.columns << ", column " << i % allowed.columns << ": " << y
           << " is not between " << low << " and " << high;
  }
  return ::testing::AssertionSuccess();
}

// Bounds from the values of the keys whose scores, after the roundings of a sum of products, may be
// the greatest, or so near it that they have a weight.
template <typename T>
Allowed<T> ValuesOfTheGreatest(const AttentionCase<T>& in) {
  using W = Wider<T>;
  constexpr W kEpsilon = std::numeric_limits<Compute<T>>::epsilon();
  constexpr W kNoWeight = 60;  // e^-60 is beyond the last place of any type
  const int64_t dim = in.spec.head_dim, columns = in.spec.value_dim;
  const std::vector<W> q(in.q.begin(), in.q.end()), k(in.k.begin(), in.k.end()),
      v(in.v.begin(), in.v.end());
  Allowed<T> allowed = {.columns = columns};
  std::vector<W> score(in.kv_len), error(in.kv_len);
  for (int64_t row = 0; row < in.q_rows; ++row) {
    const int64_t seen = in.SeenBy(row);
    W lowest_greatest = -std::numeric_limits<W>::infinity();
    for (int64_t key = 0; key < seen; ++key) {
      W sum = 0, size = 0;
      for (int64_t d = 0; d < dim; ++d) {
        const W term = q[row * dim + d] * k[key * dim + d];
        sum += term, size += std::abs(term);
      }
      score[key] = in.scale * sum;
      error[key] = (dim + 4) * kEpsilon * std::abs(in.scale) * size;
      lowest_greatest = std::max(lowest_greatest, score[key] - error[key]);
    }
    for (int64_t column = 0; column < columns; ++column) {
      W low = std::numeric_limits<W>::infinity(), high = -low, largest = 0;
      for (int64_t key = 0; key < seen; ++key) {
        if (score[key] + error[key] < lowest_greatest - kNoWeight) continue;
        const W value = v[key * columns + column];
        low = std::min(low, value), high = std::max(high, value);
        largest = std::max(largest, std::abs(value));
      }
      if (seen == 0) low = high = 0;
      const W slack = 4 * std::numeric_limits<T>::epsilon() * largest;
      allowed.ranges.push_back({low - slack, high + slack});
    }
  }
  return allowed;
}

template <typename T>
::testing::AssertionResult AmongTheGreatest(const AttentionCase<T>& in, const std::vector<T>& got) {
  return Within(ValuesOfTheGreatest(in), got);
}

// Of EqualScores: the mean over the keys that are as good as the best.
template <typename T>
Allowed<T> MeanOfTheBest(const AttentionCase<T>& in, int every_other) {
  const int64_t dim = in.spec.head_dim, columns = in.spec.value_dim;
  Allowed<T> allowed = {.columns = columns};
  for (int64_t row = 0; row < in.q_rows; ++row) {
    double score = 0;
    for (int64_t d = 0; d < dim; ++d)
      score += static_cast<double>(in.q[row * dim + d]) * static_cast<double>(in.k[d]);
    for (int64_t column = 0; column < columns; ++column) {
      double sum = 0, largest = 0;
      int64_t count = 0;
      for (int64_t key = 0; key < in.SeenBy(row); ++key) {
        const bool zero = key % every_other != 0;
        if (zero == (score > 0) && (in.SeenBy(row) > 1 && every_other > 1)) continue;
        const double value = static_cast<double>(in.v[key * columns + column]);
        sum += value, largest = std::max(largest, std::abs(value)), ++count;
      }
      const double mean = count == 0 ? 0 : sum / static_cast<double>(count);
      const double slack = 4 * std::numeric_limits<T>::epsilon() * largest;
      allowed.ranges.push_back({mean - slack, mean + slack});
    }
  }
  return allowed;
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_EXTREME_SCORES_H_
