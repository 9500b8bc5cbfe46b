// What a program has without this library: the operations as loops in C++, for `jitattn compare`.
// No part of libjitattn.

#ifndef JITATTN_RUNTIME_BASELINES_BASELINE_H_
#define JITATTN_RUNTIME_BASELINES_BASELINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jit/isa.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"
#include "runtime/baselines/loops.h"

namespace jitattn::runtime {

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
  // NotFound: no such name. Unimplemented: a type that it does not know.
  static absl::StatusOr<std::unique_ptr<Baseline>> Create(std::string_view name,
                                                          const jit::Problem& problem,
                                                          jit::Isa isa);

  // Contiguous operands of the problem. False if `give_up` said so: then there is no result. It is
  // asked on every thread about once a million operations. ResourceExhausted: the scores do not fit
  // the memory that is left.
  absl::StatusOr<bool> Run(const jitattn_attention_args& args, int threads,
                           const std::function<bool()>& give_up);
  absl::StatusOr<bool> Run(const jitattn_sigmoid_mul_args& args, int threads,
                           const std::function<bool()>& give_up);

 private:
  Baseline(const jit::Problem& problem, const Loops& loops) : problem_(problem), loops_(loops) {}
  absl::Status Reserve(int threads, int64_t elements_a_thread);

  const jit::Problem problem_;
  const Loops loops_;
  std::vector<double> scratch_;  // for every thread
  int64_t scratch_doubles_ = 0;  // of one
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_BASELINES_BASELINE_H_
