// The baselines of sigmoid-mul: the split of elements over threads.

#include "jitattn/jitattn.h"
#include "lab/baselines/baseline.h"
#include "ops/sigmoid_mul/problem.h"
#include "parallel/parallel.h"

namespace jitattn::lab {
namespace {

using Give = std::function<bool()>;

// Each thread computes its share of the elements in one call. Two-pass needs a temporary as large
// as the share.
struct SigmoidMulJob {
  const ops::SigmoidMulProblem& problem;
  const jitattn_activation_args& args;
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
  if (job.problem.dtype == DType::kF64) {
    job.loops.sigmoid_mul_f64(static_cast<const double*>(job.args.x) + first,
                              static_cast<double*>(job.args.out) + first, end - first, scratch);
  } else {
    job.loops.sigmoid_mul_f32(static_cast<const float*>(job.args.x) + first,
                              static_cast<float*>(job.args.out) + first, end - first,
                              reinterpret_cast<float*>(scratch));
  }
}

class SigmoidMulBaseline final : public Baseline {
 public:
  SigmoidMulBaseline(const ops::Problem& problem, const Loops& loops) : Baseline(problem, loops) {}

  absl::StatusOr<bool> Run(const void* run, int threads, const Give& give_up) override {
    const auto& args = *static_cast<const jitattn_activation_args*>(run);
    if (give_up()) return false;
    const auto& p = problem_.As<ops::SigmoidMulProblem>();
    const int64_t share = (p.rows * p.cols + threads - 1) / threads;
    absl::Status status = Reserve(threads, loops_.rows_of_scores ? share : 0);
    if (!status.ok()) return status;
    SigmoidMulJob job{p, args, loops_, scratch_.data(), scratch_doubles_, threads};
    ParallelFor(threads, SigmoidMulShare, &job);
    return true;
  }
};

}  // namespace

std::unique_ptr<Baseline> MakeSigmoidMulBaseline(const ops::Problem& problem, const Loops& loops) {
  const auto& p = problem.As<ops::SigmoidMulProblem>();
  if (ops::SpecOf(p) != jit::SigmoidMulSpec{.dtype = p.dtype}) return nullptr;
  return std::make_unique<SigmoidMulBaseline>(problem, loops);
}

}  // namespace jitattn::lab
