// The baselines of attention: the split of rows over threads.

#include <algorithm>
#include <atomic>

#include "jitattn/jitattn.h"
#include "lab/baselines/baseline.h"
#include "ops/attention/problem.h"
#include "parallel/parallel.h"

namespace jitattn::lab {
namespace {

// Operations between two calls of `give_up`.
constexpr int64_t kOpsBetween = 1 << 20;

using Give = std::function<bool()>;
bool Ask(const void* give_up) { return (*static_cast<const Give*>(give_up))(); }

// Each thread computes an equal share of all rows of all heads.
struct AttentionJob {
  const ops::AttentionProblem& problem;
  const jitattn_attention_args& args;
  const Loops& loops;
  const Give& give_up;
  double* scratch;
  int64_t scratch_doubles;
  int threads;
  std::atomic<bool> gave_up = false;
};

int64_t RowsOf(const ops::AttentionProblem& p) { return p.batch * p.heads * p.q_len; }

template <typename T>
bool RunRows(const AttentionJob& job, int64_t head, int64_t first, int64_t last, T* scratch,
             bool (*loop)(const HeadRows<T>&)) {
  const ops::AttentionProblem& p = job.problem;
  const int64_t batch = head / p.heads, kv_head = head % p.heads / (p.heads / p.kv_heads);
  const int64_t kv = (batch * p.kv_heads + kv_head) * p.kv_len;
  const bool causal = p.mask == jit::Mask::kCausal;
  return loop({.q = static_cast<const T*>(job.args.q) + head * p.q_len * p.head_dim,
               .k = static_cast<const T*>(job.args.k) + kv * p.head_dim,
               .v = static_cast<const T*>(job.args.v) + kv * p.value_dim,
               .out = static_cast<T*>(job.args.out) + head * p.q_len * p.value_dim,
               .first = first,
               .last = last,
               .kv_len = p.kv_len,
               .head_dim = p.head_dim,
               .value_dim = p.value_dim,
               .causal_offset = causal ? job.args.causal_offset : p.kv_len,
               .scale = static_cast<T>(job.args.scale),
               .scratch = scratch,
               .give_up = Ask,
               .asked = &job.give_up,
               .rows_between = std::max<int64_t>(
                   1, kOpsBetween / std::max<int64_t>(1, p.kv_len * (p.head_dim + p.value_dim)))});
}

void AttentionShare(int thread, void* context) {
  auto& job = *static_cast<AttentionJob*>(context);
  const ops::AttentionProblem& p = job.problem;
  const int64_t rows = RowsOf(p);
  double* scratch = job.scratch + thread * job.scratch_doubles;
  int64_t row = rows * thread / job.threads;
  const int64_t end = rows * (thread + 1) / job.threads;
  while (row < end && !job.gave_up) {
    const int64_t head = row / p.q_len, first = row % p.q_len;
    const int64_t last = std::min(p.q_len, first + (end - row));
    const bool done = p.dtype == DType::kF64
                          ? RunRows(job, head, first, last, scratch, job.loops.attention_f64)
                          : RunRows(job, head, first, last, reinterpret_cast<float*>(scratch),
                                    job.loops.attention_f32);
    if (!done) job.gave_up = true;
    row += last - first;
  }
}

class AttentionBaseline final : public Baseline {
 public:
  AttentionBaseline(const ops::Problem& problem, const Loops& loops) : Baseline(problem, loops) {}

  absl::StatusOr<bool> Run(const void* run, int threads, const Give& give_up) override {
    const auto& args = *static_cast<const jitattn_attention_args*>(run);
    const auto& p = problem_.As<ops::AttentionProblem>();
    const int64_t share = (RowsOf(p) + threads - 1) / threads;
    const int64_t rows = loops_.rows_of_scores ? std::min(p.q_len, share) : kFewRows;
    absl::Status status = Reserve(threads, rows * p.kv_len + kKeyBlock * p.head_dim);
    if (!status.ok()) return status;
    AttentionJob job{p, args, loops_, give_up, scratch_.data(), scratch_doubles_, threads};
    ParallelFor(threads, AttentionShare, &job);
    return !job.gave_up;
  }
};

}  // namespace

// Null for options, windows and chunks, which the loops do not have.
std::unique_ptr<Baseline> MakeAttentionBaseline(const ops::Problem& problem, const Loops& loops) {
  const auto& p = problem.As<ops::AttentionProblem>();
  if (p.has_extras() || p.mask == jit::Mask::kWindow || p.chunk > 0) return nullptr;
  return std::make_unique<AttentionBaseline>(problem, loops);
}

}  // namespace jitattn::lab
