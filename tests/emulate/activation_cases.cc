// Activations beside SiLU of one input: every function and gate, in turns of types and ways.

#include <iterator>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/sigmoid_mul/args.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/checker.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/emulate/cases.h"
#include "tests/emulate/rows.h"

namespace jitattn::emulate {
namespace {

using jit::Gate;
using jit::OutType;
using jit::PowerTable;
using jit::SigmoidMulArgs;
using jit::SigmoidMulConfig;
using ops::SigmoidMulProblem;

constexpr int64_t kRowCols[] = {7, 16, 33, 100, 257};

struct Types {
  DType in;
  OutType out;
};
constexpr Types kTypes[] = {{DType::kF32, OutType::kSame},  {DType::kF64, OutType::kSame},
                            {DType::kBF16, OutType::kSame}, {DType::kF16, OutType::kSame},
                            {DType::kF32, OutType::kBF16},  {DType::kBF16, OutType::kF32},
                            {DType::kF16, OutType::kF32}};

template <typename In, typename Out>
class ActivationInImage {
 public:
  ActivationInImage(Image* image, uint32_t number, const SigmoidMulProblem& problem,
                    std::shared_ptr<const jit::Kernel> kernel, std::mt19937_64& random)
      : problem_(problem), kernel_(image, number, std::move(kernel)) {
    const int64_t cols = problem.cols, x_cols = problem.gate == Gate::kPairs ? 2 * cols : cols;
    x_ = Random(problem.rows * x_cols, random);
    up_ = Random(problem.rows * cols, random);
    shape_ = {.rows = problem.rows, .cols = cols, .gap = 3};
    const Memory x = AddInput(image, {problem.rows, x_cols, 5}, x_);
    const Memory up = AddInput(image, {problem.rows, cols, 0}, up_);
    out_ = AddUnwritten(image, number, shape_.bytes(), Flush::kBack);
    args_ = {.struct_size = sizeof args_,
             .x = x_.data(),
             .up = up_.data(),
             .rows = problem.rows,
             .cols = cols,
             .x_stride = x_cols,
             .up_stride = cols,
             .out_stride = cols,
             .alpha = 1.25,
             .limit = problem.clamped ? 3.0 : 0,
             .up_offset = problem.clamped ? 1.0 : 0};
    constexpr int64_t kBytes = sizeof(In);
    kernel_.Run(SigmoidMulArgs{.x = reinterpret_cast<const void*>(x.address),
                               .out = reinterpret_cast<void*>(out_.address),
                               .rows = problem.rows,
                               .cols = cols,
                               .x_stride = (x_cols + 5) * kBytes,
                               .out_stride = shape_.stride_bytes(),
                               .up = reinterpret_cast<const void*>(up.address),
                               .up_stride = cols * kBytes,
                               .alpha = args_.alpha,
                               .limit = args_.limit,
                               .up_offset = args_.up_offset});
    SendRows(image, number, out_);
  }

  std::string Check(const CaseAnswers& answers) const {
    std::string wrong = kernel_.CheckRuns(answers);
    if (!wrong.empty()) return wrong;
    const std::vector<Out> y = ReadRows(answers, out_, shape_, &wrong);
    if (!wrong.empty()) return wrong;
    const auto checker = ops::MakeSigmoidMulChecker(problem_, args_, ops::kDefaultMaxOps);
    const ops::Verdict verdict = checker->Check(y.data());
    return verdict.correct ? "" : absl::StrCat(verdict.what, "\n    ", kernel_.kernel().name());
  }

 private:
  static std::vector<In> Random(int64_t count, std::mt19937_64& random) {
    std::normal_distribution<Compute<In>> normal(0, 3);
    std::vector<In> values(count);
    for (In& value : values) value = normal(random);
    return values;
  }
  // A pair of f16 vectors that Bochs loads whole (rows.h) ends less than 96 bytes behind the row.
  static Memory AddInput(Image* image, const RowShape<In>& shape, const std::vector<In>& values) {
    std::vector<uint8_t> bytes(shape.bytes() + (sizeof(In) == 2 ? 96 : 0), kUnwritten);
    for (int64_t i = 0; i < shape.rows; ++i) {
      std::memcpy(&bytes[i * shape.stride_bytes()], &values[i * shape.cols],
                  shape.cols * sizeof(In));
    }
    return image->AddContents(bytes, Flush::kBack, Access::kRead);
  }

  const SigmoidMulProblem problem_;
  KernelInImage kernel_;
  std::vector<In> x_, up_;
  RowShape<Out> shape_ = {};
  Memory out_;
  jitattn_activation_args args_ = {};
};

template <typename In, typename Out>
Check PrepareAs(Image& image, uint32_t number, const SigmoidMulProblem& problem,
                std::shared_ptr<const jit::Kernel> kernel, std::mt19937_64& random) {
  const auto run = std::make_shared<ActivationInImage<In, Out>>(&image, number, problem,
                                                                std::move(kernel), random);
  return [run](const CaseAnswers& answers) { return run->Check(answers); };
}

Check Prepare(Image& image, uint32_t number, const SigmoidMulProblem& problem,
              std::shared_ptr<const jit::Kernel> kernel, std::mt19937_64& random) {
  const bool wider = problem.out == OutType::kF32;
  switch (problem.dtype) {
    case DType::kF64:
      return PrepareAs<double, double>(image, number, problem, kernel, random);
    case DType::kBF16:
      return wider ? PrepareAs<BFloat16, float>(image, number, problem, kernel, random)
                   : PrepareAs<BFloat16, BFloat16>(image, number, problem, kernel, random);
    case DType::kF16:
      return wider ? PrepareAs<Float16, float>(image, number, problem, kernel, random)
                   : PrepareAs<Float16, Float16>(image, number, problem, kernel, random);
    default:
      return problem.out == OutType::kBF16
                 ? PrepareAs<float, BFloat16>(image, number, problem, kernel, random)
                 : PrepareAs<float, float>(image, number, problem, kernel, random);
  }
}

Case MakeCase(SigmoidMulProblem problem, const SigmoidMulConfig& config, const Cpu& cpu) {
  const std::string name = absl::StrCat(
      "activation.", std::string(Name(config.isa)), ".", ops::kSigmoidMul.code_name(problem),
      ".table-", static_cast<int>(config.table), config.reciprocal ? ".reciprocal" : "");
  return {name, [=](Image& image, uint32_t number) {
            std::mt19937_64 random(SeedOf(name));
            SigmoidMulProblem sized = problem;
            sized.rows = 3;
            sized.cols = kRowCols[random() % std::size(kRowCols)];
            return Prepare(image, number, sized, MustCompile(sized, config, cpu), random);
          }};
}

}  // namespace

std::vector<Case> ActivationCases(const Cpu& cpu) {
  std::vector<Case> cases;
  int turn = 0;
  for (const Isa isa : EmittedIsas(cpu)) {
    for (int function = 0; function <= static_cast<int>(jit::Activation::kHardSwish); ++function) {
      for (const Gate gate : {Gate::kNone, Gate::kTwo, Gate::kPairs}) {
        for (const PowerTable table :
             {PowerTable::kNone, PowerTable::kRegister, PowerTable::kWide}) {
          for (int again = 0; again < 3; ++again, ++turn) {
            const Types& types = kTypes[turn % std::size(kTypes)];
            const SigmoidMulProblem problem = {.dtype = types.in,
                                               .out = types.out,
                                               .activation = static_cast<jit::Activation>(function),
                                               .gate = gate,
                                               .clamped = gate != Gate::kNone && turn % 3 != 0};
            const SigmoidMulConfig config = {.isa = isa,
                                             .vecs = 1 + turn % 2,
                                             .table = table,
                                             .reciprocal = turn % 4 == 0,
                                             .non_temporal = turn % 5 == 0};
            if (ops::Canonical(config, problem) != ops::Config(config)) continue;
            if (!ops::Validate(config, problem, cpu).ok()) continue;
            cases.push_back(MakeCase(problem, config, cpu));
          }
        }
      }
    }
  }
  return cases;
}

}  // namespace jitattn::emulate
