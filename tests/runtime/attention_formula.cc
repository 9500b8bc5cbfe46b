// The formula of attention, a row at a time.

#include "tests/runtime/attention_formula.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "tests/runtime/tensor.h"

namespace jitattn::runtime {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kHuge = 1e30;

}  // namespace

std::string AttentionFormula::Compare(int64_t step) {
  for (int64_t b = 0; b < args_.batch; ++b) {
    for (int64_t head = 0; head < problem_.heads; ++head) {
      if (head % Group() == 0) LoadKeys(b, head / Group());
      for (int64_t row = 0; row < QueriesOf(b); ++row) {
        if ((row + head) % step != 0 && row + 1 != QueriesOf(b)) continue;
        const std::string wrong = CompareRow(b, head, row);
        if (wrong.empty()) continue;
        return absl::StrCat("batch ", b, ", head ", head, ", row ", row, ": ", wrong);
      }
    }
  }
  return "";
}

int64_t AttentionFormula::QueriesOf(int64_t b) const {
  if (args_.q_lens != nullptr) return args_.q_lens[b];
  if (args_.q_offsets != nullptr) return args_.q_offsets[b + 1] - args_.q_offsets[b];
  return args_.q_len;
}

int64_t AttentionFormula::KeysOf(int64_t b) const {
  if (args_.kv_lens != nullptr) return args_.kv_lens[b];
  if (args_.kv_offsets != nullptr) return args_.kv_offsets[b + 1] - args_.kv_offsets[b];
  return args_.kv_len;
}

int64_t AttentionFormula::OffsetOf(int64_t b) const {
  if (args_.causal_offsets != nullptr) return args_.causal_offsets[b];
  return args_.causal_offset + (KeysOf(b) - QueriesOf(b)) - (args_.kv_len - args_.q_len);
}

bool AttentionFormula::Sees(int64_t b, int64_t row, int64_t key) const {
  if (args_.kv_begins != nullptr && key < args_.kv_begins[b]) return false;
  if (args_.bias_keys != 0 && key >= args_.bias_keys) return false;
  const int64_t middle = row + OffsetOf(b);
  if (problem_.mask == JITATTN_MASK_NONE) return true;
  if (problem_.mask == JITATTN_MASK_CAUSAL) {
    if (args_.prefix_lens != nullptr && middle < args_.prefix_lens[b]) {
      return key < args_.prefix_lens[b];
    }
    return key <= middle &&
           (problem_.chunk == 0 || key / problem_.chunk == middle / problem_.chunk);
  }
  return (problem_.window_left == -1 || key >= middle - problem_.window_left) &&
         (problem_.window_right == -1 || key <= middle + problem_.window_right);
}

bool AttentionFormula::IsSeen(int64_t b, int64_t kv_head, int64_t key) const {
  for (int64_t row = 0; row < QueriesOf(b); ++row) {
    for (int64_t head = kv_head * Group(); head < (kv_head + 1) * Group(); ++head) {
      if (SeesIn(head, b, row, key)) return true;
    }
  }
  return false;
}

// Whatever a hidden key holds has no effect.
bool AttentionFormula::SeesIn(int64_t head, int64_t b, int64_t row, int64_t key) const {
  return Sees(b, row, key) &&
         (problem_.bias == JITATTN_BIAS_NONE || Bias(b, head, row, key) > -kInf);
}

double AttentionFormula::OfQuery(const void* base, int32_t dtype, const int64_t* strides,
                                 int64_t inner, int64_t b, int64_t head, int64_t row,
                                 int64_t col) const {
  const bool ragged = args_.q_offsets != nullptr;
  const int64_t first = ragged ? args_.q_offsets[b] * strides[2] : b * strides[0];
  return Element(base, dtype,
                 first + head * strides[1] + row * strides[2] + col * (inner == 0 ? 1 : inner));
}

AttentionFormula::Keys AttentionFormula::K() const {
  return {args_.k,        args_.k_strides,       args_.k_inner,
          args_.k_scales, args_.k_scale_strides, problem_.head_dim};
}
AttentionFormula::Keys AttentionFormula::V() const {
  return {args_.v,        args_.v_strides,       args_.v_inner,
          args_.v_scales, args_.v_scale_strides, problem_.value_dim};
}

double AttentionFormula::OfKey(const Keys& keys, int64_t b, int64_t kv_head, int64_t key,
                               int64_t col) const {
  int64_t part = b, row = key;
  if (problem_.page_size > 0) {
    part = args_.block_table[b * args_.block_table_stride + key / problem_.page_size];
    row = key % problem_.page_size;
  } else if (args_.kv_offsets != nullptr) {
    part = 0, row += args_.kv_offsets[b];
  }
  const auto at = [&](const int64_t* strides) {
    return part * strides[0] + kv_head * strides[1] + row * strides[2];
  };
  if (problem_.kv_type == JITATTN_KV_Q8_0) return Q8Element(keys.base, at(keys.strides), col);
  const int64_t place = at(keys.strides) + col * (keys.inner == 0 ? 1 : keys.inner);
  constexpr int32_t kTypes[] = {0, JITATTN_F32, JITATTN_BF16, JITATTN_F16, kInt8};
  const bool own = problem_.kv_type == JITATTN_KV_OWN;
  const double number = Element(keys.base, own ? problem_.dtype : kTypes[problem_.kv_type], place);
  if (problem_.kv_type != JITATTN_KV_I8) return number;
  const int64_t block = problem_.kv_scale_block > 0 ? problem_.kv_scale_block : keys.cols;
  return number * Element(keys.scales, JITATTN_F32, at(keys.scale_strides) + col / block);
}

double AttentionFormula::Bias(int64_t b, int64_t head, int64_t row, int64_t key) const {
  const int32_t type = problem_.bias == JITATTN_BIAS_OWN    ? problem_.dtype
                       : problem_.bias == JITATTN_BIAS_BOOL ? kBytes
                                                            : JITATTN_F32;
  const int64_t* strides = args_.bias_strides;
  return Element(args_.bias, type, b * strides[0] + head * strides[1] + row * strides[2] + key);
}

// What softcap, ALiBi and the bias make of scale · q·k.
double AttentionFormula::Changed(double score, int64_t b, int64_t head, int64_t row,
                                 int64_t key) const {
  if (Has(JITATTN_SOFTCAP)) score = args_.softcap * std::tanh(score / args_.softcap);
  if (Has(JITATTN_ALIBI)) {
    const auto distance = static_cast<double>(std::abs(key - row - OffsetOf(b)));
    score -= static_cast<double>(args_.alibi_slopes[head]) * distance;
  }
  if (problem_.bias != JITATTN_BIAS_NONE) score += Bias(b, head, row, key);
  return score;
}

// Keys that nobody sees have no place, perhaps: they are NaN here.
void AttentionFormula::LoadKeys(int64_t b, int64_t kv_head) {
  const int64_t count = KeysOf(b);
  keys_.assign(count * problem_.head_dim, kNaN);
  key_norms_.assign(count, 0);
  values_.assign(count * problem_.value_dim, kNaN);
  for (int64_t key = 0; key < count; ++key) {
    if (problem_.page_size > 0 && !IsSeen(b, kv_head, key)) continue;
    for (int64_t d = 0; d < problem_.head_dim; ++d) {
      const double k = OfKey(K(), b, kv_head, key, d);
      keys_[d * count + key] = k;
      key_norms_[key] += k * k;
    }
    key_norms_[key] = std::sqrt(key_norms_[key]);
    for (int64_t d = 0; d < problem_.value_dim; ++d) {
      values_[key * problem_.value_dim + d] = OfKey(V(), b, kv_head, key, d);
    }
  }
}

// weights_ become scale · q·k, and norm_ what their rounding errors are in proportion to: as a
// standard deviation of such sums of products.
void AttentionFormula::Dots(int64_t b, int64_t head, int64_t row) {
  const int64_t count = KeysOf(b);
  weights_.assign(count, 0);
  double squares = 0;
  for (int64_t d = 0; d < problem_.head_dim; ++d) {
    const double q =
        OfQuery(args_.q, problem_.dtype, args_.q_strides, args_.q_inner, b, head, row, d);
    const double* keys = &keys_[d * count];
    squares += q * q;
    for (int64_t key = 0; key < count; ++key) weights_[key] += q * keys[key];
  }
  for (double& weight : weights_) weight *= args_.scale;
  norm_ = std::abs(args_.scale) * std::sqrt(squares / static_cast<double>(problem_.head_dim));
}

std::string AttentionFormula::CompareRow(int64_t b, int64_t head, int64_t row) {
  Dots(b, head, row);
  const double sink = Has(JITATTN_SINKS) ? static_cast<double>(args_.sinks[head]) : -kInf;
  double highest = sink, greatest_score = 0;
  for (int64_t key = 0; key < KeysOf(b); ++key) {
    double& weight = weights_[key];
    weight = SeesIn(head, b, row, key) ? Changed(weight, b, head, row, key) : -kInf;
    highest = std::max(highest, weight);
    if (weight == -kInf) continue;
    // A huge bias takes up the score without an error.
    const double score = std::abs(weight) < kHuge ? std::abs(weight) : 0;
    greatest_score = std::max({greatest_score, score, norm_ * key_norms_[key]});
  }
  double sum = sink > -kInf ? std::exp(sink - highest) : 0;
  for (double& weight : weights_) {
    weight = weight == -kInf ? 0 : std::exp(weight - highest);
    sum += weight;
  }
  out_.assign(problem_.value_dim, 0);
  for (int64_t key = 0; key < KeysOf(b); ++key) {
    if (weights_[key] == 0) continue;
    const double weight = weights_[key] / sum, *values = &values_[key * problem_.value_dim];
    for (int64_t d = 0; d < problem_.value_dim; ++d) out_[d] += weight * values[d];
  }
  for (int64_t d = 0; Has(JITATTN_OUT_GATE) && d < problem_.value_dim; ++d) {
    out_[d] /=
        1 + std::exp(-OfQuery(args_.gate, problem_.dtype, args_.gate_strides, 1, b, head, row, d));
  }
  const double bound = Bound(greatest_score);
  for (int64_t d = 0; d < problem_.value_dim; ++d) {
    const double got =
        OfQuery(args_.out, problem_.dtype, args_.out_strides, args_.out_inner, b, head, row, d);
    if (!(std::abs(got - out_[d]) <= bound)) {
      return absl::StrCat("column ", d, ": ", got, " instead of ", out_[d], ", bound ", bound);
    }
  }
  if (!Has(JITATTN_LSE)) return "";
  const int32_t type = problem_.dtype == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32;
  return CompareLse(OfQuery(args_.lse, type, args_.lse_strides, 1, b, head, row, 0), highest, sum,
                    bound);
}

std::string AttentionFormula::CompareLse(double got, double highest, double sum,
                                         double bound) const {
  // Scores in units of log 2 saturate before those of the formula do.
  if (highest < -kHuge && sum > 0) {
    return got < -kHuge && got > -kInf ? "" : absl::StrCat("lse ", got, " instead of ", highest);
  }
  const bool right =
      sum == 0 ? got == -kInf
               : std::abs(got - highest - std::log(sum)) <= bound * (1 + std::abs(highest));
  if (right) return "";
  return absl::StrCat("lse ", got, " instead of ", highest + std::log(sum));
}

// Values are below 6. An error of a score is a relative error of its weight.
double AttentionFormula::Bound(double greatest_score) const {
  constexpr double kValues = 6;
  switch (problem_.dtype) {
    case JITATTN_F64:
      return kValues * 0x1p-52 * 16 * (4 + greatest_score);
    case JITATTN_BF16:
      return kValues * (0x1p-8 + 0x1p-23 * 16 * (4 + greatest_score));
    case JITATTN_F16:
      return kValues * (0x1p-11 + 4e-4 + 0x1p-23 * 16 * (4 + greatest_score));
    default: {
      // Rounded factors are off by a share of 2^-9 each.
      const double rounding = Has(JITATTN_BF16_MATH) ? 0x1p-8 * (2 + greatest_score) : 0;
      return kValues * (rounding + 0x1p-23 * 16 * (4 + greatest_score));
    }
  }
}

}  // namespace jitattn::runtime
