// The baselines over a whole problem: which rows each thread takes, and its scratch.

#include "runtime/baselines/baseline.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "jit/format.h"
#include "runtime/operands.h"
#include "runtime/parallel.h"

namespace jitattn::runtime {
namespace {

constexpr BaselineInfo kBaselines[] = {
    {"naive", "three loops over materialised scores, not vectorised"},
    {"two-pass",
     "materialised scores from blocked loops, then softmax by rows; sigmoid-mul: a "
     "temporary between two loops"},
    {"compiler-vectorised", "four rows at a time, loops under omp simd"}};

// Rows between two questions whether to give up.
constexpr int64_t kOpsBetween = 1 << 20;

using Give = std::function<bool()>;
bool Ask(const void* give_up) { return (*static_cast<const Give*>(give_up))(); }

jit::DType DTypeOf(const jit::Problem& problem) {
  return std::visit([](const auto& p) { return p.dtype; }, problem);
}

Loops LoopsOf(std::string_view name, [[maybe_unused]] jit::Isa isa) {
  if (name == "naive") return NaiveLoops();
  const bool two_pass = name == "two-pass";
#if defined(__x86_64__)
  if (isa == jit::Isa::kAvx512) {
    return two_pass ? loops_avx512::TwoPass() : loops_avx512::Vectorised();
  }
  if (isa == jit::Isa::kAvx2) {
    return two_pass ? loops_avx2::TwoPass() : loops_avx2::Vectorised();
  }
#endif
  return two_pass ? loops_none::TwoPass() : loops_none::Vectorised();
}

// A share of all rows of all heads for each thread.
struct AttentionJob {
  const jit::AttentionProblem& problem;
  const jitattn_attention_args& args;
  const Loops& loops;
  const Give& give_up;
  double* scratch;
  int64_t scratch_doubles;
  int threads;
  std::atomic<bool> gave_up = false;
};

int64_t RowsOf(const jit::AttentionProblem& p) { return p.batch * p.heads * p.q_len; }

template <typename T>
bool RunRows(const AttentionJob& job, int64_t head, int64_t first, int64_t last, T* scratch,
             bool (*loop)(const HeadRows<T>&)) {
  const jit::AttentionProblem& p = job.problem;
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
  const jit::AttentionProblem& p = job.problem;
  const int64_t rows = RowsOf(p);
  double* scratch = job.scratch + thread * job.scratch_doubles;
  int64_t row = rows * thread / job.threads;
  const int64_t end = rows * (thread + 1) / job.threads;
  while (row < end && !job.gave_up) {
    const int64_t head = row / p.q_len, first = row % p.q_len;
    const int64_t last = std::min(p.q_len, first + (end - row));
    const bool done = p.dtype == jit::DType::kF64
                          ? RunRows(job, head, first, last, scratch, job.loops.attention_f64)
                          : RunRows(job, head, first, last, reinterpret_cast<float*>(scratch),
                                    job.loops.attention_f32);
    if (!done) job.gave_up = true;
    row += last - first;
  }
}

// Few enough elements that `give_up` is asked now and then, and that a temporary for all of them is
// what the caches hold only where the matrix is small: it is the whole share at once.
struct SigmoidMulJob {
  const jit::SigmoidMulProblem& problem;
  const jitattn_sigmoid_mul_args& args;
  const Loops& loops;
  double* scratch;
  int64_t scratch_doubles;
  int threads;
};

void SigmoidMulShare(int thread, void* context) {
  const auto& job = *static_cast<SigmoidMulJob*>(context);
  const int64_t count = job.problem.rows * job.problem.cols;
  const int64_t first = count * thread / job.threads, end = count * (thread + 1) / job.threads;
  double* scratch = job.scratch + thread * job.scratch_doubles;
  if (job.problem.dtype == jit::DType::kF64) {
    job.loops.sigmoid_mul_f64(static_cast<const double*>(job.args.x) + first,
                              static_cast<double*>(job.args.out) + first, end - first, scratch);
  } else {
    job.loops.sigmoid_mul_f32(static_cast<const float*>(job.args.x) + first,
                              static_cast<float*>(job.args.out) + first, end - first,
                              reinterpret_cast<float*>(scratch));
  }
}

}  // namespace

std::span<const BaselineInfo> Baselines() { return kBaselines; }

absl::StatusOr<std::unique_ptr<Baseline>> Baseline::Create(std::string_view name,
                                                           const jit::Problem& problem,
                                                           jit::Isa isa) {
  const bool known = std::any_of(std::begin(kBaselines), std::end(kBaselines),
                                 [name](const BaselineInfo& info) { return info.name == name; });
  if (!known) return absl::NotFoundError(jit::Format("no baseline is called '%s'", name));
  const jit::DType dtype = DTypeOf(problem);
  if (dtype != jit::DType::kF32 && dtype != jit::DType::kF64) {
    return absl::UnimplementedError(
        jit::Format("%s: does f32 and f64, not %s", name, jit::Name(dtype)));
  }
  return std::unique_ptr<Baseline>(new Baseline(problem, LoopsOf(name, isa)));
}

absl::Status Baseline::Reserve(int threads, int64_t elements_a_thread) {
  const int size = jit::SizeOf(DTypeOf(problem_));
  // Apart by a line and more, so that threads do not share one.
  scratch_doubles_ = (elements_a_thread * size + 7) / 8 + 16;
  const int64_t doubles = scratch_doubles_ * threads;
  if (doubles <= std::ssize(scratch_)) return absl::OkStatus();
  if (doubles * 8 > AvailableMemoryBytes() / 10 * 9) {
    return absl::ResourceExhaustedError(
        jit::Format("its scores need %.1f GiB", static_cast<double>(doubles) * 8 / (1 << 30)));
  }
  scratch_.resize(static_cast<size_t>(doubles));
  return absl::OkStatus();
}

absl::StatusOr<bool> Baseline::Run(const jitattn_attention_args& args, int threads,
                                   const Give& give_up) {
  const auto& p = std::get<jit::AttentionProblem>(problem_);
  const int64_t share = (RowsOf(p) + threads - 1) / threads;
  const int64_t rows = loops_.rows_of_scores ? std::min(p.q_len, share) : kFewRows;
  absl::Status status = Reserve(threads, rows * p.kv_len + kKeyBlock * p.head_dim);
  if (!status.ok()) return status;
  AttentionJob job{p, args, loops_, give_up, scratch_.data(), scratch_doubles_, threads};
  ParallelFor(threads, AttentionShare, &job);
  return !job.gave_up;
}

absl::StatusOr<bool> Baseline::Run(const jitattn_sigmoid_mul_args& args, int threads,
                                   const Give& give_up) {
  if (give_up()) return false;
  const auto& p = std::get<jit::SigmoidMulProblem>(problem_);
  const int64_t share = (p.rows * p.cols + threads - 1) / threads;
  absl::Status status = Reserve(threads, loops_.rows_of_scores ? share : 0);
  if (!status.ok()) return status;
  SigmoidMulJob job{p, args, loops_, scratch_.data(), scratch_doubles_, threads};
  ParallelFor(threads, SigmoidMulShare, &job);
  return true;
}

}  // namespace jitattn::runtime
