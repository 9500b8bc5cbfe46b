// What a program has without this library: the operations as loops in C++, for `jitattn compare`.
// No part of libjitattn.

#ifndef JITATTN_LAB_BASELINES_BASELINE_H_
#define JITATTN_LAB_BASELINES_BASELINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/isa.h"
#include "lab/baselines/loops.h"
#include "ops/problem.h"

namespace jitattn::lab {

struct BaselineInfo {
  std::string_view name, how;
};
//   naive                three loops over materialised scores, one element at a time
//   two-pass             materialised scores from blocked products, then a softmax by rows;
//                        sigmoid-mul: the sigmoid into a temporary, then the product
//   compiler-vectorised  four rows of scores at a time, loops under `omp simd`
// The last two are compiled for the instructions that the problem may use.
std::span<const BaselineInfo> Baselines();

class Baseline {
 public:
  // NotFound: no such name. Unimplemented: a type or an operation that it does not know.
  static absl::StatusOr<std::unique_ptr<Baseline>> Create(std::string_view name,
                                                          const ops::Problem& problem, Isa isa);
  virtual ~Baseline() = default;

  // Runs on `args`, the C struct of the problem's operation, with contiguous operands of the whole
  // problem. False if `give_up` said so: then there is no result. It is asked on every thread about
  // once a million operations. ResourceExhausted: the scores do not fit the memory that is left.
  virtual absl::StatusOr<bool> Run(const void* args, int threads,
                                   const std::function<bool()>& give_up) = 0;

 protected:
  Baseline(const ops::Problem& problem, const Loops& loops) : problem_(problem), loops_(loops) {}
  absl::Status Reserve(int threads, int64_t elements_a_thread);

  const ops::Problem problem_;
  const Loops loops_;
  std::vector<double> scratch_;  // for every thread
  int64_t scratch_doubles_ = 0;  // of one
};

// Each operation's (attention.cc, sigmoid_mul.cc).
std::unique_ptr<Baseline> MakeAttentionBaseline(const ops::Problem& problem, const Loops& loops);
std::unique_ptr<Baseline> MakeSigmoidMulBaseline(const ops::Problem& problem, const Loops& loops);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_BASELINE_H_
