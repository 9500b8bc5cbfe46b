// What stands behind a Reference: one Checker for each operation and type.

#ifndef JITATTN_RUNTIME_CHECKER_H_
#define JITATTN_RUNTIME_CHECKER_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "jit/small_float.h"
#include "runtime/reference.h"

namespace jitattn::runtime {

class Checker {
 public:
  virtual ~Checker() = default;
  virtual Verdict Check(const void* out) const = 0;
  virtual int64_t rows() const = 0;
};

std::unique_ptr<Checker> MakeAttentionChecker(const jit::AttentionProblem& problem,
                                              const jitattn_attention_args& args, double max_ops);
std::unique_ptr<Checker> MakeSigmoidMulChecker(const jit::SigmoidMulProblem& problem,
                                               const jitattn_sigmoid_mul_args& args,
                                               double max_ops);

// The type in which the truth about results of type T is computed.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<jit::Compute<T>, float>, double, long double>;

// |got − truth|, 0 where both are not finite as they should be, ∞ where only one is.
template <typename T>
double ErrorOf(T got, Wide<T> truth) {
  // A finite truth may lie beyond the type.
  const T rounded = static_cast<jit::Compute<T>>(truth);
  if (std::isnan(rounded)) return std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isfinite(rounded) != std::isfinite(got)) return std::numeric_limits<double>::infinity();
  if (!std::isfinite(rounded)) return 0;
  return static_cast<double>(std::abs(static_cast<Wide<T>>(got) - truth));
}

// Up to `count` distinct rows of `length`, ascending: the first and last, those at the borders of
// 16- and 64-row tiles, then rows spread evenly whose places differ from one `turn` to the next.
std::vector<int64_t> SampleRows(int64_t length, int64_t count, int64_t turn);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CHECKER_H_
