// Compares results with a reference in higher precision: long double for float64 kernels, float64
// for all others. Every candidate is checked before it is timed.

#ifndef JITATTN_OPS_CHECKER_H_
#define JITATTN_OPS_CHECKER_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/small_float.h"

namespace jitattn::ops {

struct Verdict {
  bool correct = false;
  double max_error = 0;  // absolute, over the checked rows
  double bound = 0;      // the allowed error at the worst element
  double share = 0;      // error ÷ bound at the worst element: correct up to 1
  std::string what;      // the worst element: "head 3, row 17, column 5: 0.25, should be 0.125"
};

// The reference result of one run, computed once.
class Checker {
 public:
  virtual ~Checker() = default;
  // Compares the output of a kernel with the reference. Where the reference is NaN the output must
  // be NaN; where it is infinite the output must not be finite.
  virtual Verdict Check(const void* out) const = 0;
  virtual int64_t rows() const = 0;  // number of checked rows
};

// Default limit on the multiplications of a checker.
inline constexpr double kDefaultMaxOps = 2e8;

// The type of the reference for results of type T.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<Compute<T>, float>, double, long double>;

// |got − truth|. If the reference, rounded to T, is NaN or infinite: 0 where `got` is NaN or not
// finite, respectively, else ∞. Also ∞ if only `got` is not finite.
template <typename T>
double ErrorOf(T got, Wide<T> truth) {
  // A finite reference may overflow T's range.
  const T rounded = static_cast<Compute<T>>(truth);
  if (std::isnan(rounded)) return std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isfinite(rounded) != std::isfinite(got)) return std::numeric_limits<double>::infinity();
  if (!std::isfinite(rounded)) return 0;
  return static_cast<double>(std::abs(static_cast<Wide<T>>(got) - truth));
}

// Up to `count` distinct rows of `length`, ascending: the first and last, those at the borders of
// 16- and 64-row tiles, then evenly spread rows, whose places differ from one `turn` to the next.
std::vector<int64_t> SampleRows(int64_t length, int64_t count, int64_t turn);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CHECKER_H_
