// Attention by its formula, row by row: the truth in higher precision, and the error that a
// straightforward implementation in the kernel's own type makes, which is the yardstick.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/checker.h"

namespace jitattn::runtime {
namespace {

struct RowId {
  int64_t batch, head, row;
};

// The rows to look at: all of them, or as many as `max_ops` multiplications pay for, but at least
// one for every batch and kv head, since each has operands of its own.
std::vector<RowId> ChooseRows(const jit::AttentionProblem& problem,
                              const jitattn_attention_args& args, double max_ops) {
  std::vector<RowId> rows;
  if (args.q_len == 0 || args.batch == 0) return rows;
  const double row_ops =
      std::max<double>(1, static_cast<double>(args.kv_len) *
                              static_cast<double>(problem.head_dim + problem.value_dim));
  const double affordable = max_ops / row_ops;
  const int64_t heads = args.batch * problem.heads;
  const int64_t group = problem.heads / problem.kv_heads;
  const bool every_head = affordable >= static_cast<double>(heads);
  const int64_t each =
      every_head ? static_cast<int64_t>(std::min<double>(static_cast<double>(args.q_len),
                                                         affordable / static_cast<double>(heads)))
                 : 1;
  int64_t turn = 0;
  for (int64_t batch = 0; batch < args.batch; ++batch) {
    for (int64_t head = 0; head < problem.heads; ++head) {
      // One query head of a group stands for the others, a different one each time.
      if (!every_head && head % group != turn % group) {
        if (head % group == group - 1) ++turn;
        continue;
      }
      for (const int64_t row : SampleRows(args.q_len, each, turn)) {
        rows.push_back({batch, head, row});
      }
      if (every_head || head % group == group - 1) ++turn;
    }
  }
  return rows;
}

// How far results may be off. float and double: eight times what a straightforward loop in the type
// is off at most, or 4 ε · max|V| where that has few rows in which rounding shows. A kernel's sums
// start at half the maximum and so are some three times as large on the way as the loop's; and both
// errors are the largest of a few rows' random ones, six times apart now and then where the results
// are right. A wrong one is off by a thousand times that.
//
// 16-bit types: twice that of a loop in float whose probabilities and results are rounded to the
// type. With u = 2^-digits, half the distance from 1 to the next number: a result o = Σ w_j v_j is
// rounded by at most u·|o|; probabilities rounded by a share δ_j ≤ u each, their sum likewise, move
// it by Σ w_j δ_j (v_j − o), at most u · Σ w_j |v_j − o|. The loop shows the largest of the first
// over all elements, unless a lucky one is the largest, hence at least 2u·max|o|; and of the
// second, where errors average out, if there are enough elements; where there are few the sum
// stands itself. Below float's smallest normal number vdpbf16ps has zeros.
template <typename T>
class AttentionChecker : public Checker {
  using Real = jit::Compute<T>;

 public:
  AttentionChecker(const jit::AttentionProblem& problem, const jitattn_attention_args& args,
                   double max_ops)
      : problem_(problem), args_(args), rows_(ChooseRows(problem, args, max_ops)) {
    truth_.resize(rows_.size() * static_cast<size_t>(problem.value_dim));
    std::vector<T> plain(static_cast<size_t>(problem.value_dim));
    double plain_error = 0, largest_result = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      ExactRow(rows_[i], Truth(i));
      PlainRow(rows_[i], plain.data());
      for (int64_t d = 0; d < problem.value_dim; ++d) {
        const double error = ErrorOf<T>(plain[d], Truth(i)[d]);
        // Where the type itself overflows, the plain row sets no standard.
        if (std::isfinite(error)) plain_error = std::max(plain_error, error);
        const double result = static_cast<double>(std::abs(Truth(i)[d]));
        if (std::isfinite(result)) largest_result = std::max(largest_result, result);
      }
    }
    double least = 4 * std::numeric_limits<Real>::epsilon() * LargestValue();
    if (jit::kIsSmallFloat<T>) {
      constexpr double kHalfUlp = 0.5 * std::numeric_limits<T>::epsilon();
      least += kHalfUlp * (2 * largest_result + (truth_.size() < kEnough ? spread_ : 0)) +
               std::numeric_limits<T>::denorm_min() / 2 + std::numeric_limits<float>::min();
    }
    bound_ = std::max((jit::kIsSmallFloat<T> ? 2 : 8) * plain_error, least);
  }

  int64_t rows() const override { return static_cast<int64_t>(rows_.size()); }

  Verdict Check(const void* out) const override {
    Verdict verdict{.correct = true, .bound = bound_};
    for (size_t i = 0; i < rows_.size(); ++i) {
      const RowId& id = rows_[i];
      const T* row = static_cast<const T*>(out) + id.batch * args_.out_strides[0] +
                     id.head * args_.out_strides[1] + id.row * args_.out_strides[2];
      for (int64_t d = 0; d < problem_.value_dim; ++d) {
        const double error = ErrorOf<T>(row[d], Truth(i)[d]);
        if (!(error > verdict.max_error)) continue;
        verdict.max_error = error;
        verdict.correct = error <= bound_;
        verdict.what = absl::StrFormat(
            "batch %d, head %d, row %d, column %d: %.9g, should be %.9g; off by %.2g, allowed %.2g",
            id.batch, id.head, id.row, d, static_cast<double>(row[d]),
            static_cast<double>(Truth(i)[d]), error, bound_);
      }
    }
    if (verdict.max_error > 0) verdict.share = verdict.max_error / bound_;
    return verdict;
  }

 private:
  static constexpr size_t kEnough = 1024;  // elements, so that the largest error is no accident

  Wide<T>* Truth(size_t row) { return truth_.data() + row * problem_.value_dim; }
  const Wide<T>* Truth(size_t row) const { return truth_.data() + row * problem_.value_dim; }

  // Where a row's operands lie: rows j of k and v are at j · stride.
  struct Operands {
    const T *q, *k, *v;
    int64_t k_stride, v_stride, visible;
  };
  Operands Of(const RowId& id) const {
    const int64_t kv_head = id.head / (problem_.heads / problem_.kv_heads);
    auto at = [&](const void* base, const int64_t(&strides)[3], int64_t head, int64_t row) {
      return static_cast<const T*>(base) + id.batch * strides[0] + head * strides[1] +
             row * strides[2];
    };
    const int64_t last =
        problem_.mask == jit::Mask::kCausal ? id.row + args_.causal_offset + 1 : args_.kv_len;
    return {at(args_.q, args_.q_strides, id.head, id.row),
            at(args_.k, args_.k_strides, kv_head, 0),
            at(args_.v, args_.v_strides, kv_head, 0),
            args_.k_strides[2],
            args_.v_strides[2],
            std::clamp<int64_t>(last, 0, args_.kv_len)};
  }

  // out[d] = Σ_j softmax_j(scale · q·k[j]) · v[j][d] in Wide<T>. Keys that are not visible are not
  // read; none visible gives zeros. Infinite scores take their course: ∞ − ∞ is NaN.
  void ExactRow(const RowId& id, Wide<T>* out) {
    const Operands o = Of(id);
    std::fill_n(out, problem_.value_dim, Wide<T>{0});
    if (o.visible == 0) return;
    std::vector<Wide<T>> weight(static_cast<size_t>(o.visible));
    Wide<T> largest = -std::numeric_limits<Wide<T>>::infinity();
    for (int64_t j = 0; j < o.visible; ++j) {
      const T* k = o.k + j * o.k_stride;
      Wide<T> partial[8] = {};  // independent sums, which the compiler may keep in vectors
      int64_t d = 0;
      for (; d + 8 <= problem_.head_dim; d += 8) {
        for (int lane = 0; lane < 8; ++lane) {
          partial[lane] += static_cast<Wide<T>>(o.q[d + lane]) * static_cast<Wide<T>>(k[d + lane]);
        }
      }
      for (; d < problem_.head_dim; ++d) {
        partial[0] += static_cast<Wide<T>>(o.q[d]) * static_cast<Wide<T>>(k[d]);
      }
      Wide<T> dot = 0;
      for (const Wide<T> sum : partial) dot += sum;
      weight[j] = static_cast<Wide<T>>(args_.scale) * dot;
      if (weight[j] > largest) largest = weight[j];
    }
    Wide<T> sum = 0;
    for (Wide<T>& w : weight) sum += w = std::exp(w - largest);
    for (int64_t j = 0; j < o.visible; ++j) {
      const T* v = o.v + j * o.v_stride;
      const Wide<T> w = weight[j];
      for (int64_t d = 0; d < problem_.value_dim; ++d) out[d] += w * static_cast<Wide<T>>(v[d]);
    }
    for (int64_t d = 0; d < problem_.value_dim; ++d) out[d] /= sum;
    if (!jit::kIsSmallFloat<T> || truth_.size() >= kEnough) return;
    for (int64_t d = 0; d < problem_.value_dim; ++d) {
      Wide<T> spread = 0;
      for (int64_t j = 0; j < o.visible; ++j) {
        spread += weight[j] * std::abs(static_cast<Wide<T>>(o.v[j * o.v_stride + d]) - out[d]);
      }
      spread /= sum;
      if (std::isfinite(spread)) spread_ = std::max(spread_, static_cast<double>(spread));
    }
  }

  // The same as one would write it first: three loops, sums in order, in T or in float with
  // probabilities and results rounded to T.
  void PlainRow(const RowId& id, T* out) const {
    const Operands o = Of(id);
    std::fill_n(out, problem_.value_dim, T{0});
    if (o.visible == 0) return;
    std::vector<Real> weight(static_cast<size_t>(o.visible));
    Real largest = -std::numeric_limits<Real>::infinity(), sum = 0;
    for (int64_t j = 0; j < o.visible; ++j) {
      const T* k = o.k + j * o.k_stride;
      Real dot = 0;
      for (int64_t d = 0; d < problem_.head_dim; ++d) dot += o.q[d] * k[d];
      weight[j] = static_cast<Real>(args_.scale) * dot;
      if (weight[j] > largest) largest = weight[j];
    }
    for (Real& w : weight) sum += w = static_cast<T>(std::exp(w - largest));
    std::vector<Real> total(static_cast<size_t>(problem_.value_dim));
    for (int64_t j = 0; j < o.visible; ++j) {
      const T* v = o.v + j * o.v_stride;
      // The quotient of a rounded probability is not rounded again.
      const Real w = weight[j] / sum;
      for (int64_t d = 0; d < problem_.value_dim; ++d) total[d] += w * v[d];
    }
    std::copy(total.begin(), total.end(), out);
  }

  // max |v| over its finite elements.
  double LargestValue() const {
    Real largest = 0;
    for (int64_t batch = 0; batch < args_.batch; ++batch) {
      for (int64_t head = 0; head < problem_.kv_heads; ++head) {
        for (int64_t row = 0; row < args_.kv_len; ++row) {
          const T* v = static_cast<const T*>(args_.v) + batch * args_.v_strides[0] +
                       head * args_.v_strides[1] + row * args_.v_strides[2];
          for (int64_t d = 0; d < problem_.value_dim; ++d) {
            const Real magnitude = std::abs(static_cast<Real>(v[d]));
            if (magnitude > largest && magnitude <= std::numeric_limits<T>::max()) {
              largest = magnitude;
            }
          }
        }
      }
    }
    return static_cast<double>(largest);
  }

  const jit::AttentionProblem problem_;
  const jitattn_attention_args args_;
  const std::vector<RowId> rows_;
  std::vector<Wide<T>> truth_;  // rows_.size() × value_dim
  double spread_ = 0;           // largest Σ w_j |v_j − o| seen
  double bound_ = 0;
};

}  // namespace

std::unique_ptr<Checker> MakeAttentionChecker(const jit::AttentionProblem& problem,
                                              const jitattn_attention_args& args, double max_ops) {
  switch (problem.dtype) {
    case jit::DType::kF64:
      return std::make_unique<AttentionChecker<double>>(problem, args, max_ops);
    case jit::DType::kBF16:
      return std::make_unique<AttentionChecker<jit::BFloat16>>(problem, args, max_ops);
    case jit::DType::kF16:
      return std::make_unique<AttentionChecker<jit::Float16>>(problem, args, max_ops);
    default:
      return std::make_unique<AttentionChecker<float>>(problem, args, max_ops);
  }
}

}  // namespace jitattn::runtime
