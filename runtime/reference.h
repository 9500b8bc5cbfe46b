// The answer in higher precision, against which every candidate is held before it is timed: float64
// for float32 kernels, long double for float64 kernels.

#ifndef JITATTN_RUNTIME_REFERENCE_H_
#define JITATTN_RUNTIME_REFERENCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"

namespace jitattn::runtime {

struct Verdict {
  bool correct = false;
  double max_error = 0;  // absolute, over the rows looked at
  double bound = 0;      // what was allowed; sigmoid-mul: of the worst element
  double share = 0;      // error ÷ what is allowed, at the worst element: correct up to 1
  std::string what;      // the worst element: "head 3, row 17, column 5: 0.25, should be 0.125"
};

class Checker;  // one for each operation and type: checker.h

// Computed once a problem: all rows, or evenly spread sampled ones (first, last and tile borders
// included) where the whole would cost more than `max_ops` multiplications.
class Reference {
 public:
  static constexpr double kDefaultMaxOps = 2e8;

  // Input pointers in args must live as long as the reference.
  Reference(const jit::AttentionProblem& problem, const jitattn_attention_args& args,
            double max_ops = kDefaultMaxOps);
  Reference(const jit::SigmoidMulProblem& problem, const jitattn_sigmoid_mul_args& args,
            double max_ops = kDefaultMaxOps);
  ~Reference();

  // Compares what a kernel wrote to args.out. Attention is correct within max(8 × the error of a
  // straightforward implementation in the kernel's type, 4 ε · max|V|), in 16-bit types within twice
  // that error and what attention_checker.cc derives; sigmoid-mul within 2.5 ulp
  // for x ≥ −87 (float64: −708) and 1e-36 (1.6e-305) absolute below, where results underflow. Where
  // the formula gives NaN there must be NaN, where it is infinite something not finite.
  Verdict Check(const void* out) const;

  int64_t rows_checked() const;

 private:
  std::unique_ptr<const Checker> checker_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_REFERENCE_H_
