// Activations beside SiLU of one input: error, special values, gates, memory, and emission.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/small_float.h"
#include "gtest/gtest.h"
#include "jit/assembler.h"
#include "jit/sigmoid_mul/kernel.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/jit_testing.h"
#include "tests/jit/needs.h"
#include "tests/jit/problems.h"

namespace jitattn::jit {
namespace {

using testing::GuardedBuffer;

constexpr Activation kActivations[] = {Activation::kSilu,  Activation::kQuickGelu,
                                       Activation::kGelu,  Activation::kGeluTanh,
                                       Activation::kRelu2, Activation::kHardSwish};
constexpr double kAlpha = 1.702;
constexpr double kInf = std::numeric_limits<double>::infinity();

struct Types {
  DType in;
  OutType out;
};
constexpr Types kTypes[] = {
    {DType::kF32, OutType::kSame}, {DType::kF64, OutType::kSame}, {DType::kBF16, OutType::kSame},
    {DType::kF16, OutType::kSame}, {DType::kF32, OutType::kBF16}, {DType::kF32, OutType::kF16},
    {DType::kBF16, OutType::kF32}, {DType::kF16, OutType::kF32},  {DType::kBF16, OutType::kF16},
    {DType::kF16, OutType::kBF16},
};

struct Variant {
  SigmoidMulSpec spec;
  ops::Config config;

  std::string name() const { return testing::NameFor(spec, config); }
};

constexpr Isa kIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};

// One configuration for each way to compute.
std::vector<ops::Config> Ways(const SigmoidMulSpec& spec, Isa isa) {
  if (isa == Isa::kPortable) return {ops::PortableSigmoidMulConfig{}};
  std::vector<ops::Config> ways;
  for (PowerTable table : {PowerTable::kNone, PowerTable::kRegister, PowerTable::kWide}) {
    for (int reciprocal : {0, 1}) {
      const ops::Config config =
          SigmoidMulConfig{.isa = isa, .vecs = 2, .table = table, .reciprocal = reciprocal};
      if (testing::CanonicalFor(spec, config) == config &&
          testing::ValidateFor(spec, config, testing::FullCpu(Isa::kAvx512)).ok()) {
        ways.push_back(config);
      }
    }
  }
  return ways;
}

// Each function of one input, in each way.
std::vector<Variant> Variants(const Types& types, Isa isa) {
  std::vector<Variant> variants;
  for (Activation activation : kActivations) {
    const SigmoidMulSpec spec = {.dtype = types.in, .out = types.out, .activation = activation};
    for (const ops::Config& config : Ways(spec, isa)) variants.push_back({spec, config});
  }
  return variants;
}

// ---- The formulas, in long double

long double Exact(Activation activation, long double x, long double alpha = kAlpha) {
  const long double root = std::sqrt(2.0L), pi = 3.141592653589793238462643383279502884L;
  if (std::isinf(x) && x < 0) return activation == Activation::kSilu ? std::nanl("") : 0;
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-alpha * x));
    case Activation::kGelu:
      return x * 0.5L * std::erfc(-x / root);
    case Activation::kGeluTanh: {
      const long double t = 2 * std::sqrt(2 / pi) * (x + 0.044715L * x * x * x);
      return x / (1 + std::exp(-t));
    }
    case Activation::kRelu2:
      return std::isnan(x) ? x : x > 0 ? x * x : 0;
    case Activation::kHardSwish:
      return x * std::clamp<long double>(x + 3, 0, 6) / 6;
  }
  return 0;
}

struct Numbers {
  double alpha = kAlpha, limit = 0, up_offset = 0;
};

long double ExactGated(const SigmoidMulSpec& spec, long double g, long double u,
                       const Numbers& numbers) {
  const long double limit = numbers.limit;
  if (spec.clamped) {
    if (g > limit) g = limit;
    if (u > limit) u = limit;
    if (u < -limit) u = -limit;
    u += numbers.up_offset;
  }
  return Exact(spec.activation, g, numbers.alpha) * u;
}

// Of a result of type T without a gate, in ulps.
template <typename T>
double Bound(Activation activation) {
  if (std::is_same_v<T, BFloat16>) return 0.54;
  if (std::is_same_v<T, Float16>) return 0.66;
  if (activation == Activation::kRelu2) return 0.51;
  if (activation == Activation::kGelu) return sizeof(T) == 8 ? 9 : 6;
  return 2.5;
}

// Where the sigmoid is beyond the range of its exponential, f32 and f64 results are 0.
template <typename T>
double Absolute(const SigmoidMulSpec& spec, long double gate, long double f) {
  const bool sigmoid = spec.activation == Activation::kSilu ||
                       spec.activation == Activation::kQuickGelu ||
                       spec.activation == Activation::kGeluTanh;
  if (kIsSmallFloat<T> || !sigmoid) return 0;
  const long double least = std::abs(gate) * (sizeof(T) == 8 ? 3.4e-308L : 1.7e-38L);
  return std::abs(f) < least ? static_cast<double>(least) : 0;
}

// The distance of y from the exact value, in ulps of T there, less `absolute`. Values that are not
// finite are right or wrong.
template <typename T>
double UlpsOff(T y, long double exact, double absolute) {
  const long double rounded = static_cast<T>(static_cast<Compute<T>>(exact));
  if (std::isnan(exact)) return std::isnan(y) ? 0 : kInf;
  if (std::isinf(rounded) || std::isinf(static_cast<Compute<T>>(y))) {
    // The last half ulp before the range ends may go either way.
    const long double most = std::numeric_limits<T>::max();
    if (std::abs(exact) >= most && std::abs(static_cast<long double>(y)) >= most) return 0;
    return rounded == static_cast<long double>(y) ? 0 : kInf;
  }
  if (std::isnan(y)) return kInf;
  const int exponent = exact == 0
                           ? std::numeric_limits<T>::min_exponent - 1
                           : std::max(std::ilogb(exact), std::numeric_limits<T>::min_exponent - 1);
  const long double ulp = std::ldexp(1.0L, exponent + 1 - std::numeric_limits<T>::digits);
  const long double off = std::abs(static_cast<long double>(y) - exact) - absolute;
  return static_cast<double>(std::max<long double>(off, 0) / ulp);
}

// Every sign and exponent with corners and random mantissas; of 16 bits, every value.
template <typename T>
std::vector<T> EveryExponent(int random_ones) {
  std::vector<T> x;
  if constexpr (kIsSmallFloat<T>) {
    x.resize(1 << 16);
    for (size_t i = 0; i < x.size(); ++i) x[i].bits = static_cast<uint16_t>(i);
  } else {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
    const Bits ones = (Bits{1} << kMantissa) - 1;
    std::mt19937_64 random(20240601);
    for (Bits sign : {0, 1}) {
      for (Bits exponent = 0; exponent < (sizeof(T) == 4 ? 255 : 2047); ++exponent) {
        const Bits high = (sign << (8 * sizeof(T) - 1)) | (exponent << kMantissa);
        for (Bits mantissa : {Bits{0}, Bits{1}, ones, ones / 2})
          x.push_back(std::bit_cast<T>(static_cast<Bits>(high | mantissa)));
        for (int i = 0; i < random_ones; ++i)
          x.push_back(std::bit_cast<T>(static_cast<Bits>(high | (random() & ones))));
      }
    }
    x.push_back(std::numeric_limits<T>::infinity());
    x.push_back(-std::numeric_limits<T>::infinity());
    x.push_back(std::numeric_limits<T>::quiet_NaN());
    x.push_back(std::bit_cast<T>(static_cast<Bits>(~Bits{0} >> 1)));  // its payload is all ones
  }
  return x;
}

// Both sides of 0, and the tails up to the end of the range.
template <typename T>
std::vector<T> Dense(int count) {
  std::mt19937_64 random(7);
  std::vector<T> x;
  const Compute<T> end = sizeof(T) == 8 ? 40 : 15;
  for (auto [low, high] : {std::pair<Compute<T>, Compute<T>>{-end, end}, {-6, 4}, {-1, 1}}) {
    std::uniform_real_distribution<Compute<T>> uniform(low, high);
    for (int i = 0; i < count; ++i) x.push_back(uniform(random));
  }
  return x;
}

// A test has a pair of types and an instruction set, and goes through all else.
class ActivationTest : public ::testing::TestWithParam<std::tuple<Types, Isa>> {
 protected:
  void SetUp() override {
    const auto& [types, isa] = GetParam();
    for (DType dtype : {types.in, OutDType(types.out, types.in)}) {
      const std::string needs = testing::Needs(isa, dtype);
      if (!needs.empty()) GTEST_SKIP() << needs;
    }
  }

  // check(variant, kernel, In(), Out()) for each variant, until one fails fatally.
  template <typename Check>
  void ForEach(const std::vector<Variant>& variants, const Check& check);
};

std::shared_ptr<const Kernel> MustCompile(const Variant& v) {
  auto kernel = testing::CompileFor(v.spec, v.config, HostCpu());
  if (!kernel.ok()) ADD_FAILURE() << v.name() << ": " << kernel.status();
  return kernel.ok() ? *kernel : nullptr;
}

// body(In(), Out()) with the types of the spec.
template <typename Body>
void ForTypes(const SigmoidMulSpec& spec, const Body& body) {
  const auto with_out = [&](auto in) {
    switch (spec.out_dtype()) {
      case DType::kBF16:
        return body(in, BFloat16());
      case DType::kF16:
        return body(in, Float16());
      default:
        return body(in, float());
    }
  };
  switch (spec.dtype) {
    case DType::kF64:
      return body(double(), double());
    case DType::kBF16:
      return with_out(BFloat16());
    case DType::kF16:
      return with_out(Float16());
    default:
      return with_out(float());
  }
}

template <typename Check>
void ActivationTest::ForEach(const std::vector<Variant>& variants, const Check& check) {
  for (const Variant& v : variants) {
    SCOPED_TRACE(v.name());
    const auto kernel = MustCompile(v);
    ASSERT_NE(kernel, nullptr);
    ForTypes(v.spec, [&](auto in, auto out) { check(v, *kernel, in, out); });
    if (HasFatalFailure()) return;
  }
}

template <typename In, typename Out>
void CheckAccuracy(const Kernel& kernel, const SigmoidMulSpec& spec, const std::vector<In>& x) {
  std::vector<Out> y(x.size());
  const auto count = static_cast<int64_t>(x.size());
  kernel.Run(SigmoidMulArgs{&spec, x.data(), y.data(), 1, count, 0, 0});
  double worst = 0;
  size_t worst_at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double wide = static_cast<long double>(static_cast<Compute<In>>(x[i]));
    const long double exact = Exact(spec.activation, wide);
    const double off = UlpsOff(y[i], exact, Absolute<Out>(spec, wide, exact));
    if (off > worst) worst = off, worst_at = i;
  }
  EXPECT_LE(worst, Bound<Out>(spec.activation))
      << "x = " << std::hexfloat << static_cast<double>(x[worst_at])
      << ", y = " << static_cast<double>(y[worst_at]) << ", exact "
      << static_cast<double>(Exact(spec.activation, static_cast<Compute<In>>(x[worst_at])));
}

TEST_P(ActivationTest, Accuracy) {
  const auto& [types, isa] = GetParam();
  ForEach(Variants(types, isa),
          []<typename In, typename Out>(const Variant& v, const Kernel& kernel, In, Out) {
            CheckAccuracy<In, Out>(kernel, v.spec, EveryExponent<In>(sizeof(In) == 4 ? 30 : 4));
            if constexpr (!kIsSmallFloat<In>)
              CheckAccuracy<In, Out>(kernel, v.spec, Dense<In>(10000));
          });
}

// Each value alone among ordinary ones, in whole vectors and in the tail.
template <typename In, typename Out>
double Alone(const Kernel& kernel, const SigmoidMulSpec& spec, double value, size_t place) {
  std::vector<In> x(37, static_cast<In>(1.0f));
  std::vector<Out> y(37);
  x[place] = static_cast<Compute<In>>(value);
  kernel.Run(SigmoidMulArgs{&spec, x.data(), y.data(), 1, 37, 0, 0});
  const double one = static_cast<double>(Exact(spec.activation, 1));
  for (size_t i = 0; i < 37; ++i) {
    if (i != place) EXPECT_NEAR(y[i], one, 1.0 / 128) << value << " spills over";
  }
  return static_cast<double>(y[place]);
}

TEST_P(ActivationTest, SpecialValues) {
  const auto& [types, isa] = GetParam();
  ForEach(Variants(types, isa), []<typename In, typename Out>(const Variant& v,
                                                              const Kernel& kernel, In, Out) {
    for (size_t place : {0u, 9u, 36u}) {
      const auto at = [&](double value) { return Alone<In, Out>(kernel, v.spec, value, place); };
      EXPECT_TRUE(std::isnan(at(NAN)));
      EXPECT_EQ(at(kInf), kInf);
      if (v.spec.activation == Activation::kSilu) {
        EXPECT_TRUE(std::isnan(at(-kInf)));
      } else {
        EXPECT_EQ(at(-kInf), 0);
      }
      EXPECT_EQ(at(-1000), 0);
      EXPECT_EQ(at(0), 0);
      EXPECT_FALSE(std::signbit(at(0)));
    }
  });
}

std::string NameOfParam(const ::testing::TestParamInfo<std::tuple<Types, Isa>>& info) {
  const auto& [types, isa] = info.param;
  return std::string(Name(types.in)) + "_to_" + std::string(Name(OutDType(types.out, types.in))) +
         "_" + std::string(Name(isa));
}

INSTANTIATE_TEST_SUITE_P(All, ActivationTest,
                         ::testing::Combine(::testing::ValuesIn(kTypes),
                                            ::testing::ValuesIn(kIsas)),
                         NameOfParam);

// ---- Gates, limits, strides, memory

// Each function, gate and kind of store.
std::vector<Variant> GatedVariants(const Types& types, Isa isa) {
  std::vector<Variant> variants;
  const auto add = [&](const SigmoidMulSpec& spec, int non_temporal) {
    const bool odd = spec.activation == Activation::kQuickGelu;  // vectors are not paired
    const ops::Config config = SigmoidMulConfig{.isa = isa,
                                                .vecs = odd ? 1 : 2,
                                                .unroll = 2,
                                                .table = PowerTable::kRegister,
                                                .non_temporal = non_temporal};
    variants.push_back({spec, testing::CanonicalFor(spec, config)});
  };
  for (Activation activation : kActivations) {
    for (Gate gate : {Gate::kNone, Gate::kTwo, Gate::kPairs}) {
      for (bool clamped : {false, true}) {
        if (clamped && gate == Gate::kNone) continue;
        const SigmoidMulSpec spec = {types.in, types.out, activation, gate, clamped};
        if (isa == Isa::kPortable) {
          variants.push_back({spec, ops::PortableSigmoidMulConfig{}});
        } else {
          for (int non_temporal : {0, 1}) add(spec, non_temporal);
        }
      }
    }
  }
  return variants;
}

std::vector<Variant> AllGatedVariants(Isa isa) {
  std::vector<Variant> all;
  for (const Types& types : kTypes) {
    for (const Variant& v : GatedVariants(types, isa)) all.push_back(v);
  }
  return all;
}

// Rows in guarded memory: `elements` of each, from the first to the last at `stride` elements.
template <typename T>
class GuardedRows {
 public:
  GuardedRows(int64_t rows, int64_t elements, int64_t stride, GuardedBuffer::Flush flush)
      : stride_(stride),
        first_(stride < 0 ? -stride * (rows - 1) : 0),
        buffer_((std::abs(stride) * (rows - 1) + elements) * sizeof(T), flush) {}
  T* row(int64_t r) { return buffer_.as<T>() + first_ + r * stride_; }
  int64_t stride_bytes() const { return stride_ * static_cast<int64_t>(sizeof(T)); }
  GuardedBuffer& buffer() { return buffer_; }

 private:
  int64_t stride_, first_;
  GuardedBuffer buffer_;
};

class GatedActivationTest : public ActivationTest {};

template <typename In, typename Out>
void CheckGated(const Kernel& kernel, const SigmoidMulSpec& spec, int64_t rows, int64_t cols,
                bool reversed, GuardedBuffer::Flush flush) {
  const Numbers numbers = {
      .alpha = 1.3, .limit = spec.clamped ? 2.5 : 0, .up_offset = spec.clamped ? 1.0 : 0};
  const int64_t x_cols = spec.gate == Gate::kPairs ? 2 * cols : cols;
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal(0, 3);
  // Rows of x in reverse order and with gaps, one row of up for all, and gaps in out.
  GuardedRows<In> x(rows, x_cols, reversed ? -(x_cols + 3) : x_cols + 1, flush);
  GuardedRows<In> up(rows, cols, reversed ? 0 : cols + 2, flush);
  GuardedRows<Out> out(rows, cols, cols + 5, flush);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < x_cols; ++c) x.row(r)[c] = normal(random);
    for (int64_t c = 0; c < cols; ++c) up.row(r)[c] = normal(random);
  }
  std::vector<uint8_t> before(out.buffer().data(), out.buffer().data() + out.buffer().bytes());
  SigmoidMulArgs args = {&spec, x.row(0),         out.row(0),        rows,
                         cols,  x.stride_bytes(), out.stride_bytes()};
  if (spec.gate == Gate::kTwo) args.up = up.row(0), args.up_stride = up.stride_bytes();
  args.alpha = numbers.alpha, args.limit = numbers.limit, args.up_offset = numbers.up_offset;
  kernel.Run(args);
  ASSERT_TRUE(x.buffer().SlackUntouched() && up.buffer().SlackUntouched() &&
              out.buffer().SlackUntouched());
  const double bound = Bound<Out>(spec.activation) + (sizeof(Out) > 2 ? 2 : 0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const bool pairs = spec.gate == Gate::kPairs;
      const long double g = static_cast<Compute<In>>(x.row(r)[pairs ? 2 * c : c]);
      const long double u = static_cast<Compute<In>>(pairs ? x.row(r)[2 * c + 1] : up.row(r)[c]);
      const long double exact = spec.gate == Gate::kNone ? Exact(spec.activation, g, 1.3)
                                                         : ExactGated(spec, g, u, numbers);
      ASSERT_LE(UlpsOff(out.row(r)[c], exact, 1e-37), bound)
          << "row " << r << ", column " << c << " of " << rows << "×" << cols << ": g "
          << static_cast<double>(g) << ", u " << static_cast<double>(u);
    }
    const auto* end = reinterpret_cast<const uint8_t*>(out.row(r) + cols);
    const size_t at = end - out.buffer().data();
    for (size_t i = 0; r + 1 < rows && i < 5 * sizeof(Out); ++i)
      ASSERT_EQ(end[i], before[at + i]) << "the gap after row " << r << " is written";
  }
}

TEST_P(GatedActivationTest, GuardedRowsAgreeWithTheFormula) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa),
          []<typename In, typename Out>(const Variant& v, const Kernel& kernel, In, Out) {
            for (int64_t cols : {1, 2, 3, 5, 7, 8, 9, 15, 17, 31, 67, 130}) {
              SCOPED_TRACE(cols);
              CheckGated<In, Out>(kernel, v.spec, 1, cols, false, GuardedBuffer::kFront);
              CheckGated<In, Out>(kernel, v.spec, 3, cols, false, GuardedBuffer::kBack);
              CheckGated<In, Out>(kernel, v.spec, 3, cols, true, GuardedBuffer::kBack);
              if (HasFatalFailure()) return;
            }
          });
}

// The bits of a run in place are those of another one.
template <typename In>
void CheckInPlace(const Kernel& kernel, const SigmoidMulSpec& spec) {
  constexpr int64_t kCols = 131;
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal(0, 3);
  std::vector<In> x(kCols), up(kCols), out(kCols);
  for (int64_t c = 0; c < kCols; ++c) x[c] = normal(random), up[c] = normal(random);
  const auto run = [&](const void* from, const void* factors, void* to) {
    SigmoidMulArgs args = {&spec, from, to, 1, kCols, 0, 0};
    args.up = factors, args.limit = 3, args.up_offset = 1;
    kernel.Run(args);
  };
  run(x.data(), up.data(), out.data());
  std::vector<In> in_x = x, in_up = up;
  run(in_x.data(), up.data(), in_x.data());
  EXPECT_EQ(std::memcmp(in_x.data(), out.data(), kCols * sizeof(In)), 0);
  if (spec.gate == Gate::kNone) return;
  run(x.data(), in_up.data(), in_up.data());
  EXPECT_EQ(std::memcmp(in_up.data(), out.data(), kCols * sizeof(In)), 0);
}

TEST_P(GatedActivationTest, InPlace) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa),
          []<typename In>(const Variant& v, const Kernel& kernel, In, auto) {
            if (v.spec.gate == Gate::kPairs || v.spec.out != OutType::kSame) return;
            CheckInPlace<In>(kernel, v.spec);
          });
}

// A NaN of the gate or of the factor is not bounded away.
TEST_P(GatedActivationTest, NansStay) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa), []<typename In, typename Out>(const Variant& v,
                                                                   const Kernel& kernel, In, Out) {
    if (v.spec.gate == Gate::kNone) return;
    const bool pairs = v.spec.gate == Gate::kPairs;
    for (const bool of_gate : {true, false}) {
      std::vector<In> x(pairs ? 80 : 40, static_cast<In>(1.0f)), up(40, static_cast<In>(1.0f));
      std::vector<Out> out(40);
      const In nan = std::numeric_limits<In>::quiet_NaN();
      for (size_t place : {3u, 38u}) {
        (pairs ? x[2 * place + (of_gate ? 0 : 1)] : of_gate ? x[place] : up[place]) = nan;
      }
      SigmoidMulArgs args = {&v.spec, x.data(), out.data(), 1, 40, 0, 0};
      args.up = up.data(), args.limit = 7, args.up_offset = 1;
      kernel.Run(args);
      for (size_t i = 0; i < 40; ++i) {
        EXPECT_EQ(std::isnan(static_cast<float>(out[i])), i == 3 || i == 38) << i;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, GatedActivationTest,
                         ::testing::Combine(::testing::ValuesIn(kTypes),
                                            ::testing::ValuesIn(kIsas)),
                         NameOfParam);

// ---- Emission for described CPUs

std::vector<uint8_t> Emit(const Variant& v, const Cpu& cpu) {
  Assembler a(v.config.isa(), cpu);
  EmitSigmoidMul(a, v.spec, v.config.As<SigmoidMulConfig>());
  const auto code = a.Finish();
  return {code.begin(), code.end()};
}

TEST(ActivationCodeTest, EveryOptionChangesTheBytes) {
  for (const testing::DescribedCpu& described : testing::CpusOfDifferentCode()) {
    std::set<std::vector<uint8_t>> seen;
    size_t emitted = 0;
    for (const Variant& v : AllGatedVariants(described.cpu.isa)) {
      if (!testing::HasKernels(described.cpu, v.spec.dtype) ||
          !testing::HasKernels(described.cpu, v.spec.out_dtype())) {
        continue;
      }
      seen.insert(Emit(v, described.cpu));
      ++emitted;
    }
    EXPECT_EQ(seen.size(), emitted) << described.name;
    EXPECT_GT(emitted, 200u) << described.name;
  }
}

TEST(ActivationCodeTest, Avx2KernelsHaveNoEvex) {
  for (const Variant& v : AllGatedVariants(Isa::kAvx2)) {
    ASSERT_EQ(testing::FirstEvexInstruction(Emit(v, testing::FullCpu(Isa::kAvx512))), "")
        << v.name();
  }
}

// All registers that Validate allows are there: emission would throw.
TEST(ActivationCodeTest, ValidConfigurationsHaveTheirRegisters) {
  for (const Types& types : kTypes) {
    for (Activation activation : kActivations) {
      for (Gate gate : {Gate::kNone, Gate::kTwo, Gate::kPairs}) {
        const SigmoidMulSpec spec = {types.in, types.out, activation, gate, gate != Gate::kNone};
        for (Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
          const Cpu cpu = testing::FullCpu(isa);
          int valid = 0;
          for (int vecs = 1; vecs <= 6; ++vecs) {
            for (PowerTable table : {PowerTable::kNone, PowerTable::kRegister, PowerTable::kWide}) {
              const Variant v = {spec, SigmoidMulConfig{.isa = isa, .vecs = vecs, .table = table}};
              if (!testing::ValidateFor(spec, v.config, cpu).ok()) continue;
              EXPECT_NO_THROW(Emit(v, cpu)) << v.name();
              ++valid;
            }
          }
          EXPECT_GT(valid, 1) << testing::NameOf(spec);
        }
      }
    }
  }
}

}  // namespace
}  // namespace jitattn::jit
