// One sigmoid-mul kernel over a matrix, on several threads.

#ifndef JITATTN_RUNTIME_SIGMOID_MUL_RUNNER_H_
#define JITATTN_RUNTIME_SIGMOID_MUL_RUNNER_H_

#include <memory>

#include "jit/kernel.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"

namespace jitattn::runtime {

// Elements do not depend on each other: each thread gets one even share, cut where cache lines of
// the output begin, so that no two threads write to one line.
class SigmoidMulRunner {
 public:
  SigmoidMulRunner(const jit::SigmoidMulProblem& problem, std::shared_ptr<const jit::Kernel> kernel,
                   int threads, double worthwhile_flops);

  // REQUIRES: CheckArgs(problem, args) is OK, and this thread is under the default floating-point
  // environment.
  void Run(const jitattn_sigmoid_mul_args& args) const;

 private:
  struct Shared;
  static void Work(int worker, void* shared);

  const jit::SigmoidMulSpec spec_;
  const std::shared_ptr<const jit::Kernel> kernel_;
  const int threads_;
  const double planned_elements_;
  const double worthwhile_elements_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SIGMOID_MUL_RUNNER_H_
