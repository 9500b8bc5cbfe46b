// Activations of one input: error and special values; emission of all of them.

#include "tests/jit/activation_testing.h"

namespace jitattn::jit {
namespace {

using namespace testing;  // the variants and bounds of activation_testing.h

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
    if (i == place) continue;
    EXPECT_NEAR(y[i], one, 1.0 / 128) << value << " spills over";
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

INSTANTIATE_TEST_SUITE_P(All, ActivationTest,
                         ::testing::Combine(::testing::ValuesIn(kTypes),
                                            ::testing::ValuesIn(kIsas)),
                         NameOfParam);

// ---- Gates, limits, strides, memory

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
