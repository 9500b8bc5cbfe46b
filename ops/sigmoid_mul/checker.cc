// The activations in higher precision, and the error of a result in units in the last place (ulp).

#include "ops/sigmoid_mul/checker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/format.h"
#include "jit/sigmoid_mul/formula.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using jit::Activation;

// A 16-bit result is a float result with a relative error e (emit_sigmoid.h), then rounded: off by
// at most ½ + e · 2^digits ulp, with e · 2^digits = 2^-12.8 · 2^8 (bf16) and 2^-13.6 · 2^11 (f16).
// A factor adds half an ulp of float for its sum, and as much for its product: each is up to an
// ulp of the result.
template <typename T>
double MaxUlps(const SigmoidMulProblem& p) {
  const bool gated = p.gate != jit::Gate::kNone;
  if (std::is_same_v<T, BFloat16>) return 0.54;
  if (std::is_same_v<T, Float16>) return 0.66;
  const double of_gelu = std::is_same_v<T, double> ? 9 : 6;
  const double ulps = p.activation == Activation::kGelu ? of_gelu : 2.5;
  return gated ? ulps + 2 : ulps;
}

// The cost of an element, an exponential and a division, in multiplications.
constexpr double kElementOps = 64;

// Below this x the result nearly underflows, and only an absolute bound holds: 0.7 · |x|·exp(x) at
// this x, which is 1e-36 for float and 1.6e-305 for double. The scaled form that bf16 uses has no
// such region, and f16 does not reach it.
template <typename T>
constexpr double kUnderflowFrom = kIsSmallFloat<T> ? -std::numeric_limits<double>::infinity()
                                  : std::is_same_v<T, float> ? -87
                                                             : -708;
template <typename T>
constexpr double kUnderflowBound = std::is_same_v<T, float> ? 1e-36 : 1.6e-305;

// The distance between the two numbers of type T around |value|; the smallest subnormal at zero. 1
// if `value` is not finite: such results are either right or wrong.
template <typename T>
double UlpOf(Wide<T> value) {
  using Real = Compute<T>;
  const Real rounded = std::abs(static_cast<Real>(static_cast<T>(static_cast<Real>(value))));
  if (!std::isfinite(rounded)) return 1;
  const int exponent = std::max(rounded > 0 ? std::ilogb(rounded) : std::numeric_limits<int>::min(),
                                std::numeric_limits<T>::min_exponent - 1);
  return std::ldexp(1.0, exponent - std::numeric_limits<T>::digits + 1);
}

// A sigmoid below this, e^-87 (double: e^-708), is beyond the range of its exponential.
template <typename T>
constexpr double kLeastSigmoid = std::is_same_v<T, double> ? 3.4e-308 : 1.7e-38;

template <typename In, typename T>
class SigmoidMulChecker : public Checker {
 public:
  SigmoidMulChecker(const SigmoidMulProblem& problem, const jitattn_activation_args& args,
                    double max_ops)
      : problem_(problem), args_(args) {
    const double affordable = max_ops / kElementOps;
    const int64_t cols = std::max<int64_t>(1, args.cols);
    const int64_t count = static_cast<int64_t>(std::clamp<double>(
        affordable / static_cast<double>(cols), 1, static_cast<double>(args.rows)));
    // If a single row costs more than that, blocks of its columns are sampled: whole blocks, so
    // that every lane is checked.
    const int64_t blocks = (args.cols + kBlock - 1) / kBlock;
    const int64_t block_count = static_cast<int64_t>(
        std::clamp<double>(affordable / kBlock, 1, static_cast<double>(blocks)));
    if (args.rows > 0) rows_ = SampleRows(args.rows, count, 0);
    if (args.cols > 0) blocks_ = SampleRows(blocks, block_count, 0);
    for (const int64_t row : rows_) {
      ForEachColumn([&](int64_t column) { AddTruth(row, column); });
    }
  }

  int64_t rows() const override { return static_cast<int64_t>(rows_.size()); }

  Verdict Check(const void* out) const override {
    Verdict verdict{.correct = true};
    double worst = 0;  // error ÷ allowed error
    size_t element = 0;
    for (const int64_t row : rows_) {
      const T* y = static_cast<const T*>(out) + row * args_.out_stride;
      ForEachColumn([&](int64_t column) {
        const double error = ErrorOf<T>(y[column], truth_[element]);
        const double share = error / allowed_[element];
        verdict.max_error = std::max(verdict.max_error, error);
        if (share > worst) {
          worst = share;
          verdict.bound = allowed_[element];
          verdict.what =
              Format("row %d, column %d: %.9g, should be %.9g", row, column,
                     static_cast<double>(y[column]), static_cast<double>(truth_[element]));
        }
        ++element;
      });
    }
    verdict.share = worst;
    verdict.correct = worst <= 1;
    return verdict;
  }

 private:
  static constexpr int64_t kBlock = 4096;

  // Stored now, since a kernel that works in place overwrites its input.
  void AddTruth(int64_t row, int64_t column) {
    const bool pairs = problem_.gate == jit::Gate::kPairs;
    const In* x = static_cast<const In*>(args_.x) + row * args_.x_stride;
    if (problem_.gate == jit::Gate::kNone) return Add(x[column], 1);
    const In gate = pairs ? x[2 * column] : x[column];
    const In factor = pairs ? x[2 * column + 1]
                            : static_cast<const In*>(args_.up)[row * args_.up_stride + column];
    if (!problem_.clamped) return Add(gate, factor);
    const jit::ActivationNumbers numbers = {args_.alpha, args_.limit, args_.up_offset};
    Add(jit::ClampedGate<Wide<T>>(gate, numbers), jit::ClampedFactor<Wide<T>>(factor, numbers));
  }

  void Add(Wide<T> gate, Wide<T> factor) {
    const Wide<T> f = jit::ActivationOf<Wide<T>>(problem_.activation, gate, args_.alpha);
    truth_.push_back(f * factor);
    const Wide<T> truth = truth_.back();
    if (SpecOf(problem_) == jit::SigmoidMulSpec{.dtype = problem_.dtype}) {
      allowed_.push_back(gate < kUnderflowFrom<T> ? kUnderflowBound<T>
                                                  : MaxUlps<T>(problem_) * UlpOf<T>(truth));
      return;
    }
    double allowed = MaxUlps<T>(problem_) * UlpOf<T>(truth);
    if (std::isfinite(truth)) allowed += BelowNormal(f, gate) * std::abs(factor);
    allowed_.push_back(allowed);
  }

  // What f may be off where it is not a normal number, or its sigmoid is none.
  double BelowNormal(Wide<T> f, Wide<T> gate) const {
    const bool is_plain_small = kIsSmallFloat<T> && problem_.gate == jit::Gate::kNone;
    double off = is_plain_small ? 0 : std::numeric_limits<Compute<T>>::denorm_min();
    const bool sigmoid = problem_.activation == Activation::kSilu ||
                         problem_.activation == Activation::kQuickGelu ||
                         problem_.activation == Activation::kGeluTanh;
    const double least = kLeastSigmoid<T> * static_cast<double>(std::abs(gate));
    if (sigmoid && !kIsSmallFloat<T> && std::abs(f) < least) off += least;
    return off;
  }

  template <typename Body>
  void ForEachColumn(Body body) const {
    for (const int64_t block : blocks_) {
      const int64_t end = std::min(args_.cols, (block + 1) * kBlock);
      for (int64_t column = block * kBlock; column < end; ++column) body(column);
    }
  }

  const SigmoidMulProblem problem_;
  const jitattn_activation_args args_;
  std::vector<int64_t> rows_, blocks_;
  std::vector<Wide<T>> truth_;
  std::vector<double> allowed_;
};

}  // namespace

std::unique_ptr<Checker> MakeSigmoidMulChecker(const SigmoidMulProblem& problem,
                                               const jitattn_activation_args& args,
                                               double max_ops) {
  const auto make = [&]<typename In, typename Out>() -> std::unique_ptr<Checker> {
    return std::make_unique<SigmoidMulChecker<In, Out>>(problem, args, max_ops);
  };
  return CallWithType(problem.dtype, [&]<typename In>() -> std::unique_ptr<Checker> {
    if constexpr (std::is_same_v<In, double>) {
      return make.template operator()<double, double>();
    } else {
      switch (SpecOf(problem).out_dtype()) {
        case DType::kBF16:
          return make.template operator()<In, BFloat16>();
        case DType::kF16:
          return make.template operator()<In, Float16>();
        default:
          return make.template operator()<In, float>();
      }
    }
  });
}

}  // namespace jitattn::ops
