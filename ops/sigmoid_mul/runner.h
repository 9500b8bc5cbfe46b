// One sigmoid-mul kernel over a matrix.

#ifndef JITATTN_OPS_SIGMOID_MUL_RUNNER_H_
#define JITATTN_OPS_SIGMOID_MUL_RUNNER_H_

#include <memory>

#include "jit/kernel.h"
#include "ops/runner.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::ops {

// Cuts the matrix into one task for each thread: whole rows, or parts of rows if there are fewer
// rows than threads. Each part but the first begins at a cache line of the output.
std::unique_ptr<Runner> MakeSigmoidMulRunner(const SigmoidMulProblem& problem,
                                             std::shared_ptr<const jit::Kernel> kernel, int threads,
                                             double worthwhile_flops);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_SIGMOID_MUL_RUNNER_H_
