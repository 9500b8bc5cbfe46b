// Baselines of `jitattn compare`: the operations as plain C++ loops, which a program would have
// without this library. They are not part of libjitattn.

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
  // NotFound: unknown name. Unimplemented: the baseline does not support the problem's type or
  // operation.
  static absl::StatusOr<std::unique_ptr<Baseline>> Create(std::string_view name,
                                                          const ops::Problem& problem, Isa isa);
  virtual ~Baseline() = default;

  // Runs on `args`, the C struct of the problem's operation, with contiguous operands. Returns
  // false if `give_up` returned true; the output is then unspecified. Attention calls `give_up` on
  // every thread about once per million operations, sigmoid-mul once before it starts.
  // ResourceExhausted: the temporaries do not fit in the available memory.
  virtual absl::StatusOr<bool> Run(const void* args, int threads,
                                   const std::function<bool()>& give_up) = 0;

 protected:
  Baseline(const ops::Problem& problem, const Loops& loops) : problem_(problem), loops_(loops) {}
  absl::Status Reserve(int threads, int64_t elements_a_thread);

  const ops::Problem problem_;
  const Loops loops_;
  std::vector<double> scratch_;  // of all threads
  int64_t scratch_doubles_ = 0;  // of one thread
};

// Defined in attention.cc and sigmoid_mul.cc. Null: the loops do not solve such problems.
std::unique_ptr<Baseline> MakeAttentionBaseline(const ops::Problem& problem, const Loops& loops);
std::unique_ptr<Baseline> MakeSigmoidMulBaseline(const ops::Problem& problem, const Loops& loops);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_BASELINE_H_
