// Compares results of attention with a reference in higher precision. The allowed error is a
// multiple of the error of a straightforward implementation in the kernel's own type.

#include "ops/attention/checker.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "base/format.h"
#include "ops/attention/formula_rows.h"
#include "ops/attention/kernel_args.h"
#include "ops/operation.h"
#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

// The rows to check: all of them, or as many as `max_ops` multiplications allow, but at least one
// for every batch and kv head, since each has its own operands.
std::vector<RowId> ChooseRows(const AttentionProblem& problem, const jitattn_attention_args& args,
                              double max_ops) {
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
      // One query head stands for its group; its place in the group changes each time.
      if (!every_head && head % group != turn % group) {
        if (head % group == group - 1) ++turn;
        continue;
      }
      for (const int64_t row : SampleRows(SequenceOf(args, batch).q_len, each, turn)) {
        rows.push_back({batch, head, row});
      }
      if (every_head || head % group == group - 1) ++turn;
    }
  }
  return rows;
}

// The allowed error. float and double: eight times the largest error of a straightforward loop in
// the same type (the plain loop), and at least 4 ε · max|V|, for runs with too few rows to show
// rounding. Why eight: the intermediate sums of a kernel, which start at half the maximum, are some
// three times as large as the plain loop's; and both errors are maxima over a few rows of random
// errors, which differ by up to a factor of six even between correct results. A wrong result is off
// by a thousand times the allowed error.
//
// 16-bit types: twice the error of a plain loop in float whose probabilities and results are
// rounded to the type. Two roundings matter; u = 2^-digits is half the distance from 1 to the next
// number.
//   1. The result o = Σ w_j v_j is rounded, by at most u·|o|. The plain loop shows the largest such
//      error, unless the largest result happens to round well: hence at least 2u·max|o|.
//   2. Each probability is rounded by a relative error δ_j ≤ u, and their sum with them. The result
//      moves by Σ w_j δ_j (v_j − o), at most u · Σ w_j |v_j − o|. These errors average out, and the
//      plain loop shows the largest only among enough elements; with few of them the bound is
//      added.
// vdpbf16ps flushes numbers below float's smallest normal one to zero, which adds that number.
//
// float with bf16_math: also twice the error of a plain loop whose operands and probabilities are
// rounded to bf16. The operands' part of the error is the same in the kernel; for the
// probabilities' part see 2.
template <typename T>
class AttentionChecker : public Checker {
  using Real = Compute<T>;

 public:
  AttentionChecker(const AttentionProblem& problem, const jitattn_attention_args& args,
                   double max_ops)
      : problem_(problem), args_(args), rows_(ChooseRows(problem, args, max_ops)) {
    truth_.resize(rows_.size() * static_cast<size_t>(problem.value_dim));
    if (problem.lse) lse_.resize(rows_.size());
    keeps_spread_ = (kIsSmallFloat<T> || problem.bf16_math) && truth_.size() < kEnough;
    const Findings all = SolveAll();
    double least = 4 * std::numeric_limits<Real>::epsilon() * LargestValue();
    if (kIsSmallFloat<T>) {
      constexpr double kHalfUlp = 0.5 * std::numeric_limits<T>::epsilon();
      least += kHalfUlp * (2 * all.largest_result + all.spread) +
               std::numeric_limits<T>::denorm_min() / 2 + std::numeric_limits<float>::min();
    }
    lse_bound_ = 8 * all.lse_error;
    bound_ = std::max((kIsSmallFloat<T> ? 2 : 8) * all.plain_error, least);
    if (problem.bf16_math) {
      constexpr double kHalfUlp = 0.5 * std::numeric_limits<BFloat16>::epsilon();
      bound_ += 2 * all.rounded_error + kHalfUlp * all.spread;
    }
  }

  int64_t rows() const override { return static_cast<int64_t>(rows_.size()); }

  Verdict Check(const void* out) const override {
    Verdict verdict{.correct = true, .bound = bound_};
    for (size_t i = 0; i < rows_.size(); ++i) {
      const RowId& id = rows_[i];
      const T* row = static_cast<const T*>(out) +
                     SequenceOf(args_, id.batch).QueryAt(args_.out_strides, id.head, id.row);
      for (int64_t d = 0; d < problem_.value_dim; ++d) {
        const double error = ErrorOf<T>(row[d], Truth(i)[d]);
        if (!(error > verdict.max_error)) continue;
        verdict.max_error = error;
        verdict.correct = error <= bound_;
        verdict.what = Format(
            "batch %d, head %d, row %d, column %d: %.9g, should be %.9g; off by %.2g, allowed %.2g",
            id.batch, id.head, id.row, d, static_cast<double>(row[d]),
            static_cast<double>(Truth(i)[d]), error, bound_);
      }
    }
    if (verdict.max_error > 0) verdict.share = verdict.max_error / bound_;
    if (problem_.lse && verdict.correct) CheckLse(verdict);
    return verdict;
  }

 private:
  // The second result, which the arguments point to. Its error is that of the scores, whatever the
  // values are: eight times the plain loop's, and at least a few last places of the result.
  void CheckLse(Verdict& verdict) const {
    for (size_t i = 0; i < rows_.size(); ++i) {
      const RowId& id = rows_[i];
      const Real got = static_cast<const Real*>(
          args_.lse)[SequenceOf(args_, id.batch).QueryAt(args_.lse_strides, id.head, id.row)];
      const double truth = static_cast<double>(lse_[i]);
      const double error = ErrorOf<Real>(got, lse_[i]);
      const double bound =
          lse_bound_ + 8 * std::numeric_limits<Real>::epsilon() * (1 + std::abs(truth));
      const bool correct = std::isinf(lse_[i]) ? got == lse_[i] : error <= bound;
      if (correct) continue;
      verdict.correct = false;
      verdict.share = std::max(verdict.share, error / bound);
      verdict.what = Format("batch %d, head %d, row %d: log-sum-exp %.9g, should be %.9g", id.batch,
                            id.head, id.row, static_cast<double>(got), truth);
      return;
    }
  }

  static constexpr size_t kEnough = 1024;  // elements for a representative largest error

  Wide<T>* Truth(size_t row) { return truth_.data() + row * problem_.value_dim; }
  const Wide<T>* Truth(size_t row) const { return truth_.data() + row * problem_.value_dim; }

  // The quantities from which the allowed error follows, over a set of rows.
  struct Findings {
    double plain_error = 0, largest_result = 0, lse_error = 0;
    double rounded_error = 0;  // with bf16_math: of the plain loop with rounded factors
    double spread = 0;         // largest Σ w_j |v_j − o|; 0 unless keeps_spread_
    void Add(const Findings& other) {
      plain_error = std::max(plain_error, other.plain_error);
      lse_error = std::max(lse_error, other.lse_error);
      rounded_error = std::max(rounded_error, other.rounded_error);
      largest_result = std::max(largest_result, other.largest_result);
      spread = std::max(spread, other.spread);
    }
  };

  // Consecutive rows with the same keys and values, which are converted once for all of them.
  struct Block {
    size_t first, count;
  };
  static constexpr size_t kBlockRows = 16;

  struct Job {
    AttentionChecker* checker;
    std::vector<Block> blocks;
    std::vector<Findings> found;  // by worker
    std::atomic<size_t> next{0};
  };

  Findings SolveAll() {
    Job job{.checker = this};
    const int64_t group = problem_.heads / problem_.kv_heads;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const RowId& id = rows_[i];
      const Block* last = job.blocks.empty() ? nullptr : &job.blocks.back();
      const bool joins = last != nullptr && last->count < kBlockRows &&
                         rows_[last->first].batch == id.batch &&
                         rows_[last->first].head / group == id.head / group;
      joins ? void(++job.blocks.back().count) : job.blocks.push_back({i, 1});
    }
    const int workers = static_cast<int>(
        std::clamp<size_t>(job.blocks.size(), 1, static_cast<size_t>(ThreadBudget(0))));
    job.found.resize(workers);
    ParallelFor(workers, Work, &job);
    Findings all;
    for (const Findings& found : job.found) all.Add(found);
    return all;
  }

  static void Work(int worker, void* context) {
    Job& job = *static_cast<Job*>(context);
    for (size_t i; (i = job.next.fetch_add(1, std::memory_order_relaxed)) < job.blocks.size();) {
      job.found[worker].Add(job.checker->Solve(job.blocks[i]));
    }
  }

  // Computes the reference for a block's rows, and the errors of the plain loop.
  Findings Solve(const Block& block) {
    Findings found;
    const auto rows = std::span(rows_).subspan(block.first, block.count);
    const FormulaRows<T, Wide<T>> exact(problem_, args_, rows);
    std::copy(exact.out().begin(), exact.out().end(), Truth(block.first));
    if (keeps_spread_) found.spread = exact.Spread();
    const FormulaRows<T, Real> plain(problem_, args_, rows);
    if (problem_.bf16_math) {
      const FormulaRows<T, Real> rounded(problem_, args_, rows, Factors::kRounded);
      found.rounded_error = LargestError<T>(rounded.out(), exact.out());
      found.lse_error = LargestError<Real>(rounded.lse(), exact.lse());
    }
    for (size_t i = 0; problem_.lse && i < rows.size(); ++i) {
      lse_[block.first + i] = exact.lse()[i];
      const auto error = static_cast<double>(std::abs(plain.lse()[i] - exact.lse()[i]));
      if (std::isfinite(error)) found.lse_error = std::max(found.lse_error, error);
    }
    // An overflow of the type in the plain loop says nothing about the allowed error.
    found.plain_error = LargestError<T>(plain.out(), exact.out());
    for (const Wide<T>& truth : exact.out()) {
      const double result = static_cast<double>(std::abs(truth));
      if (std::isfinite(result)) found.largest_result = std::max(found.largest_result, result);
    }
    return found;
  }

  // The largest finite difference.
  template <typename Result>
  static double LargestError(const std::vector<Real>& got, const std::vector<Wide<T>>& truth) {
    double largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double error = ErrorOf<Result>(static_cast<Result>(got[i]), truth[i]);
      if (std::isfinite(error)) largest = std::max(largest, error);
    }
    return largest;
  }

  // max |v| over its finite elements.
  double LargestValue() const {
    const jit::AttentionSpec spec = KvSpecOf(problem_);
    const jit::KvRow row = ValueRow(problem_);
    std::vector<Real> values(problem_.value_dim);
    Real largest = 0;
    for (int64_t batch = 0; batch < args_.batch; ++batch) {
      for (int64_t head = 0; head < problem_.kv_heads; ++head) {
        const Sequence sequence = SequenceOf(args_, batch);
        const jit::KvArray v = ValuesAt(problem_, args_, sequence, head, 0);
        for (int64_t key = sequence.kv_begin; key < sequence.kv_end; ++key) {
          jit::ReadKvRow(spec, row, v.RowAt(key), v.ScalesAt(key), values.data());
          for (const Real value : values) {
            const Real magnitude = std::abs(value);
            if (magnitude > largest && std::isfinite(magnitude)) largest = magnitude;
          }
        }
      }
    }
    return static_cast<double>(largest);
  }

  const AttentionProblem problem_;
  const jitattn_attention_args args_;
  const std::vector<RowId> rows_;
  std::vector<Wide<T>> truth_;  // rows_.size() × value_dim
  std::vector<Wide<T>> lse_;    // rows_.size(), if the problem has this result
  bool keeps_spread_ = false;
  double bound_ = 0, lse_bound_ = 0;
};

}  // namespace

std::unique_ptr<Checker> MakeAttentionChecker(const AttentionProblem& problem,
                                              const jitattn_attention_args& args, double max_ops) {
  return CallWithType(problem.dtype, [&]<typename T>() -> std::unique_ptr<Checker> {
    return std::make_unique<AttentionChecker<T>>(problem, args, max_ops);
  });
}

}  // namespace jitattn::ops
