// Holding results against the truth in higher precision: float64 for float32 kernels, long double
// for float64 kernels. Every candidate is checked so before it is timed.

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
  double max_error = 0;  // absolute, over the rows looked at
  double bound = 0;      // what was allowed at the worst element
  double share = 0;      // error ÷ what is allowed, at the worst element: correct up to 1
  std::string what;      // the worst element: "head 3, row 17, column 5: 0.25, should be 0.125"
};

// The truth about one problem's run, computed once.
class Checker {
 public:
  virtual ~Checker() = default;
  // Compares what a kernel wrote to the output with the truth. Where the formula gives NaN there
  // must be NaN, where it is infinite something not finite.
  virtual Verdict Check(const void* out) const = 0;
  virtual int64_t rows() const = 0;  // that are looked at
};

// Multiplications that a checker may take, if nothing else is said.
inline constexpr double kDefaultMaxOps = 2e8;

// The type in which the truth about results of type T is computed.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<Compute<T>, float>, double, long double>;

// |got − truth|, 0 where both are not finite as they should be, ∞ where only one is.
template <typename T>
double ErrorOf(T got, Wide<T> truth) {
  // A finite truth may lie beyond the type.
  const T rounded = static_cast<Compute<T>>(truth);
  if (std::isnan(rounded)) return std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isfinite(rounded) != std::isfinite(got)) return std::numeric_limits<double>::infinity();
  if (!std::isfinite(rounded)) return 0;
  return static_cast<double>(std::abs(static_cast<Wide<T>>(got) - truth));
}

// Up to `count` distinct rows of `length`, ascending: the first and last, those at the borders of
// 16- and 64-row tiles, then rows spread evenly whose places differ from one `turn` to the next.
std::vector<int64_t> SampleRows(int64_t length, int64_t count, int64_t turn);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CHECKER_H_
