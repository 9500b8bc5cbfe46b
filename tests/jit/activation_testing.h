// What the tests of activations share: their variants, the formulas in long double, and the bounds.

#ifndef JITATTN_TESTS_JIT_ACTIVATION_TESTING_H_
#define JITATTN_TESTS_JIT_ACTIVATION_TESTING_H_

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

namespace jitattn::jit::testing {

inline constexpr Activation kActivations[] = {Activation::kSilu,  Activation::kQuickGelu,
                                              Activation::kGelu,  Activation::kGeluTanh,
                                              Activation::kRelu2, Activation::kHardSwish};
inline constexpr double kAlpha = 1.702;
inline constexpr double kInf = std::numeric_limits<double>::infinity();

struct Types {
  DType in;
  OutType out;
};
inline constexpr Types kTypes[] = {
    {DType::kF32, OutType::kSame}, {DType::kF64, OutType::kSame}, {DType::kBF16, OutType::kSame},
    {DType::kF16, OutType::kSame}, {DType::kF32, OutType::kBF16}, {DType::kF32, OutType::kF16},
    {DType::kBF16, OutType::kF32}, {DType::kF16, OutType::kF32},  {DType::kBF16, OutType::kF16},
    {DType::kF16, OutType::kBF16},
};

struct Variant {
  SigmoidMulSpec spec;
  ops::Config config;

  std::string name() const { return NameFor(spec, config); }
};

inline constexpr Isa kIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};

// One configuration for each way to compute.
inline std::vector<ops::Config> Ways(const SigmoidMulSpec& spec, Isa isa) {
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
inline std::vector<Variant> Variants(const Types& types, Isa isa) {
  std::vector<Variant> variants;
  for (Activation activation : kActivations) {
    const SigmoidMulSpec spec = {.dtype = types.in, .out = types.out, .activation = activation};
    for (const ops::Config& config : Ways(spec, isa)) variants.push_back({spec, config});
  }
  return variants;
}

// ---- The formulas, in long double

inline long double Exact(Activation activation, long double x, long double alpha = kAlpha) {
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

inline long double ExactGated(const SigmoidMulSpec& spec, long double g, long double u,
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

inline std::shared_ptr<const Kernel> MustCompile(const Variant& v) {
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

inline std::string NameOfParam(const ::testing::TestParamInfo<std::tuple<Types, Isa>>& info) {
  const auto& [types, isa] = info.param;
  return std::string(Name(types.in)) + "_to_" + std::string(Name(OutDType(types.out, types.in))) +
         "_" + std::string(Name(isa));
}

// Each function, gate and kind of store.
inline std::vector<Variant> GatedVariants(const Types& types, Isa isa) {
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

inline std::vector<Variant> AllGatedVariants(Isa isa) {
  std::vector<Variant> all;
  for (const Types& types : kTypes) {
    for (const Variant& v : GatedVariants(types, isa)) all.push_back(v);
  }
  return all;
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_ACTIVATION_TESTING_H_
