// Sigmoid-mul in every type and way to compute: values of every exponent, rows, in place.

#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/sigmoid_mul/args.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/emulate/cases.h"
#include "tests/emulate/rows.h"
#include "tests/jit/sigmoid_mul_reference.h"

namespace jitattn::emulate {
namespace {

using jit::PowerTable;
using jit::SigmoidMulArgs;
using jit::SigmoidMulConfig;
using ops::SigmoidMulProblem;

constexpr int64_t kRowCols[] = {1, 7, 16, 33, 100, 257};

// Both signs, exponents from zero to infinity and NaN, in steps that leave some thousand; the first
// and the last mantissa of each, and one between.
template <typename T>
std::vector<T> EveryExponent(std::mt19937_64& random) {
  using Bits = std::conditional_t<sizeof(T) == 2, uint16_t,
                                  std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;
  constexpr int kMantissaBits = std::numeric_limits<T>::digits - 1;
  constexpr int kExponents = 1 << (8 * sizeof(T) - 1 - kMantissaBits);
  constexpr int kStep = sizeof(T) == 8 ? 3 : 1, kRandom = kExponents < 100 ? 60 : 4;
  constexpr Bits kOnes = static_cast<Bits>((Bits{1} << kMantissaBits) - 1);
  std::vector<T> x;
  for (const Bits sign : {Bits{0}, Bits{1}}) {
    for (int exponent = 0; exponent < kExponents; exponent += kStep) {
      const auto high = static_cast<Bits>((sign << (8 * sizeof(T) - 1)) |
                                          (static_cast<Bits>(exponent) << kMantissaBits));
      const auto add = [&](Bits mantissa) {
        x.push_back(std::bit_cast<T>(static_cast<Bits>(high | (mantissa & kOnes))));
      };
      add(0);
      add(kOnes);
      for (int i = 0; i < kRandom; ++i) add(static_cast<Bits>(random()));
    }
  }
  return x;
}

template <typename T>
class RowsInImage {
 public:
  RowsInImage(Image* image, uint32_t number, Isa isa, std::shared_ptr<const jit::Kernel> kernel,
              const RowShape<T>& shape, std::vector<T> x, Flush flush, bool in_place)
      : kernel_(image, number, std::move(kernel)), shape_(shape), x_(std::move(x)) {
    const Memory in =
        AddRows(image, isa, shape_, x_, flush, in_place ? Access::kReadAndWrite : Access::kRead);
    out_ = in_place ? in : AddUnwritten(image, number, shape_.bytes(), flush);
    kernel_.Run(SigmoidMulArgs{.x = reinterpret_cast<const void*>(in.address),
                               .out = reinterpret_cast<void*>(out_.address),
                               .rows = shape_.rows,
                               .cols = shape_.cols,
                               .x_stride = shape_.stride_bytes(),
                               .out_stride = shape_.stride_bytes()});
    SendRows(image, number, out_);
  }

  std::string Check(const CaseAnswers& answers) const {
    std::string wrong = kernel_.CheckRuns(answers);
    if (!wrong.empty()) return wrong;
    const std::vector<T> y = ReadRows(answers, out_, shape_, &wrong);
    if (!wrong.empty()) return wrong;
    const auto result = jit::testing::KeepsSigmoidMulContract(x_, y);
    return result ? "" : result.message();
  }

  std::string Describe() const {
    return absl::StrCat(kernel_.kernel().name(), "\n    ", shape_.rows, "×", shape_.cols, ", gap ",
                        shape_.gap);
  }

 private:
  KernelInImage kernel_;
  RowShape<T> shape_;
  std::vector<T> x_;
  Memory out_;
};

enum class Shape { kValues, kRows, kInPlace };
constexpr std::string_view kShapeNames[] = {"values", "rows", "in-place"};

template <typename T>
Check Prepare(Image& image, uint32_t number, Isa isa, Shape what,
              std::shared_ptr<const jit::Kernel> kernel, std::mt19937_64& random) {
  std::vector<T> x;
  RowShape<T> shape = {.rows = 1};
  if (what == Shape::kValues) {
    x = EveryExponent<T>(random);
    shape.cols = static_cast<int64_t>(x.size());
  } else {
    shape = {.rows = 3, .cols = kRowCols[random() % std::size(kRowCols)], .gap = 3};
    std::normal_distribution<Compute<T>> normal(0, 3);
    x.resize(shape.rows * shape.cols);
    for (T& value : x) value = normal(random);
  }
  const auto run = std::make_shared<RowsInImage<T>>(
      &image, number, isa, std::move(kernel), shape, std::move(x),
      random() % 2 ? Flush::kFront : Flush::kBack, what == Shape::kInPlace);
  return [run](const CaseAnswers& answers) {
    const std::string wrong = run->Check(answers);
    return wrong.empty() ? "" : absl::StrCat(wrong, "\n    ", run->Describe());
  };
}

Case MakeCase(const SigmoidMulConfig& config, DType dtype, Shape shape, const Cpu& cpu) {
  const std::string name = absl::StrCat(
      "sigmoid-mul.", std::string(Name(config.isa)), ".", std::string(Name(dtype)), ".table-",
      ops::ValueText(*ops::FindField(ops::kVectors, "table"), static_cast<int>(config.table)),
      config.reciprocal ? ".reciprocal" : "", ".",
      std::string(kShapeNames[static_cast<int>(shape)]));
  return {name, [=](Image& image, uint32_t number) {
            std::mt19937_64 random(SeedOf(name));
            const auto kernel = MustCompile(SigmoidMulProblem{.dtype = dtype}, config, cpu);
            switch (dtype) {
              case DType::kF32:
                return Prepare<float>(image, number, config.isa, shape, kernel, random);
              case DType::kF64:
                return Prepare<double>(image, number, config.isa, shape, kernel, random);
              case DType::kBF16:
                return Prepare<BFloat16>(image, number, config.isa, shape, kernel, random);
              case DType::kF16:
                break;
            }
            return Prepare<Float16>(image, number, config.isa, shape, kernel, random);
          }};
}

}  // namespace

std::vector<Case> SigmoidMulCases(const Cpu& cpu) {
  std::vector<Case> cases;
  for (const Isa isa : EmittedIsas(cpu)) {
    for (const auto dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      for (const PowerTable table : {PowerTable::kNone, PowerTable::kRegister, PowerTable::kWide}) {
        for (const int reciprocal : {0, 1}) {
          SigmoidMulConfig config = {
              .isa = isa, .vecs = 2, .table = table, .reciprocal = reciprocal};
          const SigmoidMulProblem problem = {.dtype = dtype};
          if (ops::Canonical(config, problem) != ops::Config(config)) continue;
          config.non_temporal = table == PowerTable::kRegister;
          if (!ops::Validate(config, problem, cpu).ok()) continue;
          for (const Shape shape : {Shape::kValues, Shape::kRows, Shape::kInPlace})
            cases.push_back(MakeCase(config, dtype, shape, cpu));
        }
      }
    }
  }
  return cases;
}

}  // namespace jitattn::emulate
