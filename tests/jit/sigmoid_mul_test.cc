// Sigmoid-mul, emitted and portable: error over every exponent, special values, memory, bytes.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

#include "base/small_float.h"
#include "gtest/gtest.h"
#include "jit/assembler.h"
#include "jit/sigmoid_mul/kernel.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/jit_testing.h"
#include "tests/jit/needs.h"
#include "tests/jit/problems.h"
#include "tests/jit/sigmoid_mul_reference.h"

namespace jitattn::jit {
namespace {

using testing::GuardedBuffer;

constexpr DType kTypes[] = {DType::kF32, DType::kF64, DType::kBF16, DType::kF16};

struct Variant {
  SigmoidMulSpec spec;
  ops::Config config;

  std::string name() const { return testing::NameFor(spec, config); }
};

void PrintTo(const Variant& v, std::ostream* os) { *os << v.name(); }

std::shared_ptr<const Kernel> MustCompile(const Variant& v) {
  auto kernel = testing::CompileFor(v.spec, v.config, HostCpu());
  if (!kernel.ok()) ADD_FAILURE() << v.name() << ": " << kernel.status();
  return kernel.ok() ? *kernel : nullptr;
}

constexpr PowerTable kTables[] = {PowerTable::kNone, PowerTable::kRegister, PowerTable::kWide};

// One of each way to compute, on each ISA and without one.
std::vector<Variant> Variants() {
  std::vector<Variant> variants;
  for (DType dtype : kTypes) {
    const SigmoidMulSpec spec = {dtype};
    variants.push_back({spec, ops::PortableSigmoidMulConfig{}});
    for (Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
      for (PowerTable table : kTables) {
        for (int reciprocal : {0, 1}) {
          const ops::Config config =
              SigmoidMulConfig{.isa = isa, .vecs = 2, .table = table, .reciprocal = reciprocal};
          if (testing::CanonicalFor(spec, config) == config &&
              testing::ValidateFor(spec, config, testing::FullCpu(Isa::kAvx512)).ok()) {
            variants.push_back({spec, config});
          }
        }
      }
    }
  }
  return variants;
}

template <typename T>
void RunRow(const Kernel& kernel, const SigmoidMulSpec& spec, const T* x, T* out, int64_t count) {
  kernel.Run(SigmoidMulArgs{&spec, x, out, 1, count, 0, 0});
}

class SigmoidMulTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    const Variant& v = GetParam();
    const std::string needs = testing::Needs(v.config.isa(), v.spec.dtype);
    if (!needs.empty()) GTEST_SKIP() << needs;
    kernel_ = MustCompile(v);
  }

  template <typename T>
  void CheckAccuracy(const std::vector<T>& x);
  template <typename T>
  void CheckEveryExponent();
  template <typename T>
  void CheckEveryExponentOf();
  template <typename T>
  void CheckSpecialValues();
  template <typename T>
  void CheckMemory();

  // check(T()) with T the type of the parameter.
  template <typename Check>
  void ForType(Check check) {
    ASSERT_NE(kernel_, nullptr);
    switch (GetParam().spec.dtype) {
      case DType::kF32:
        return check(float());
      case DType::kF64:
        return check(double());
      case DType::kBF16:
        return check(BFloat16());
      case DType::kF16:
        return check(Float16());
    }
  }

  std::shared_ptr<const Kernel> kernel_;
};

template <typename T>
void SigmoidMulTest::CheckAccuracy(const std::vector<T>& x) {
  std::vector<T> y(x.size());
  RunRow(*kernel_, GetParam().spec, x.data(), y.data(), static_cast<int64_t>(x.size()));
  EXPECT_TRUE(testing::KeepsSigmoidMulContract(x, y));
}

// Every sign and exponent, denormals too, with corners and random mantissas; of 16 bits, every
// value.
template <typename T>
void SigmoidMulTest::CheckEveryExponent() {
  if constexpr (kIsSmallFloat<T>) {
    std::vector<T> x(1 << 16);
    for (size_t i = 0; i < x.size(); ++i) x[i].bits = static_cast<uint16_t>(i);
    CheckAccuracy(x);
  } else {
    CheckEveryExponentOf<T>();
  }
}

template <typename T>
void SigmoidMulTest::CheckEveryExponentOf() {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kMantissaBits = std::numeric_limits<T>::digits - 1;
  constexpr int kExponents = sizeof(T) == 4 ? 255 : 2047;  // the last would be infinities and NaN
  constexpr int kRandom = sizeof(T) == 4 ? 500 : 60;
  const uint64_t seed = 20240601;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<T> x;
  for (Bits sign : {0, 1}) {
    for (Bits exponent = 0; exponent < kExponents; ++exponent) {
      const Bits high = (sign << (8 * sizeof(T) - 1)) | (exponent << kMantissaBits);
      const Bits ones = (Bits{1} << kMantissaBits) - 1;
      for (Bits mantissa : {Bits{0}, Bits{1}, ones, ones - 1, ones / 2, ones / 2 + 1})
        x.push_back(std::bit_cast<T>(static_cast<Bits>(high | mantissa)));
      for (int i = 0; i < kRandom; ++i)
        x.push_back(std::bit_cast<T>(static_cast<Bits>(high | (random() & ones))));
    }
  }
  CheckAccuracy(x);
}

TEST_P(SigmoidMulTest, EveryExponent) {
  ForType([&](auto zero) { CheckEveryExponent<decltype(zero)>(); });
}

TEST_P(SigmoidMulTest, DenseWhereErrorsGather) {
  const uint64_t seed = 7;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  const auto dense = [&]<typename T>(T lowest, T highest, int count) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<T> uniform(lowest, highest);
    std::vector<T> x(count);
    for (T& value : x) value = uniform(random);
    CheckAccuracy(x);
  };
  ForType([&](auto zero) {
    if constexpr (std::is_same_v<decltype(zero), float>) {
      dense(-90.f, 20.f, 1'000'000);
    } else if constexpr (std::is_same_v<decltype(zero), double>) {
      dense(-30., 20., 200'000);
      dense(-712., 40., 200'000);
    }
  });
}

template <typename T>
void SigmoidMulTest::CheckSpecialValues() {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T huge = std::numeric_limits<T>::max(), tiny = std::numeric_limits<T>::denorm_min();
  // Each value alone among ordinary ones, at every place of a vector: it must not spill over.
  const auto at = [&](T value, int place) {
    std::vector<T> x(37, T{1}), y(37);
    x[place] = value;
    RunRow(*kernel_, GetParam().spec, x.data(), y.data(), 37);
    for (int i = 0; i < 37; ++i) {
      if (i == place) continue;
      EXPECT_NEAR(y[i], 0.7310585786300049, testing::SigmoidMulContract<T>::kNear)
          << value << " spills over";
    }
    return y[place];
  };
  for (int place = 0; place < 37; ++place) {
    EXPECT_TRUE(std::isnan(at(nan, place)));
    EXPECT_TRUE(std::isnan(at(-nan, place)));
    EXPECT_TRUE(std::isnan(at(-inf, place))) << "−∞ · sigmoid(−∞) = −∞ · 0";
    EXPECT_EQ(at(inf, place), inf);
    EXPECT_EQ(at(huge, place), huge);
    const T lowest = at(-huge, place);
    EXPECT_EQ(lowest, 0);
    EXPECT_TRUE(std::signbit(lowest)) << "x / +∞";
    EXPECT_EQ(at(-1000, place), 0);
    EXPECT_EQ(at(0, place), 0);
    EXPECT_FALSE(std::signbit(at(T{0}, place)));
    EXPECT_TRUE(std::signbit(at(-T{0}, place)));
    EXPECT_LE(std::abs(at(tiny, place)), tiny);
  }
}

TEST_P(SigmoidMulTest, SpecialValues) {
  ForType([&](auto zero) { CheckSpecialValues<decltype(zero)>(); });
}

// Rows that end at unreadable pages, strides with gaps between them, in place, odd addresses: the
// bits are those of the same values in one aligned row, and nothing else is touched.
template <typename T>
void SigmoidMulTest::CheckMemory() {
  const uint64_t seed = 11;
  std::mt19937_64 random(seed);
  std::normal_distribution<Compute<T>> normal(0, 3);
  const SigmoidMulSpec& spec = GetParam().spec;
  for (int64_t cols : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257}) {
    for (int64_t rows : {0, 1, 3}) {
      for (int64_t gap : {0, 3}) {
        const int64_t stride = (cols + gap) * static_cast<int64_t>(sizeof(T));
        const size_t bytes =
            rows == 0 ? 0 : static_cast<size_t>((rows - 1) * stride) + cols * sizeof(T);
        for (auto flush : {GuardedBuffer::kFront, GuardedBuffer::kBack}) {
          SCOPED_TRACE(::testing::Message() << rows << "×" << cols << ", gap " << gap << ", flush "
                                            << flush << ", seed " << seed);
          GuardedBuffer x(bytes, flush), out(bytes, flush);
          // One element more than needed: memcpy and memcmp take no null pointer.
          std::vector<T> row(cols + 1), expected(cols + 1), stored(bytes / sizeof(T) + 1);
          for (size_t i = 0; i < stored.size(); ++i) stored[i] = normal(random);
          std::memcpy(x.data(), stored.data(), bytes);
          std::vector<uint8_t> out_before(bytes + 1);
          std::copy_n(out.data(), bytes, out_before.begin());
          kernel_->Run(SigmoidMulArgs{&spec, x.data(), out.data(), rows, cols, stride, stride});
          ASSERT_EQ(std::memcmp(x.data(), stored.data(), bytes), 0) << "input is changed";
          ASSERT_TRUE(x.SlackUntouched() && out.SlackUntouched());
          for (int64_t r = 0; r < rows; ++r) {
            std::copy_n(stored.data() + r * (cols + gap), cols, row.data());
            RunRow(*kernel_, spec, row.data(), expected.data(), cols);
            ASSERT_EQ(std::memcmp(out.data() + r * stride, expected.data(), cols * sizeof(T)), 0)
                << "row " << r;
            if (r + 1 < rows) {
              const size_t end = r * stride + cols * sizeof(T);
              ASSERT_EQ(std::memcmp(out.data() + end, out_before.data() + end, gap * sizeof(T)), 0)
                  << "gap after row " << r << " is written";
            }
          }
          kernel_->Run(SigmoidMulArgs{&spec, x.data(), x.data(), rows, cols, stride, stride});
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t at = r * stride;
            ASSERT_EQ(std::memcmp(x.data() + at, out.data() + at, cols * sizeof(T)), 0)
                << "in place, row " << r;
          }
        }
      }
    }
  }
}

TEST_P(SigmoidMulTest, TouchesItsElementsOnly) {
  ForType([&](auto zero) { CheckMemory<decltype(zero)>(); });
}

INSTANTIATE_TEST_SUITE_P(Ways, SigmoidMulTest, ::testing::ValuesIn(Variants()),
                         [](const auto& info) { return info.param.name(); });

// ---- What is true of emitted kernels only ----

// Every point of the space, without threads, which shape no code.
std::vector<Variant> AllPoints(Isa isa, DType dtype) {
  const SigmoidMulSpec spec = {dtype};
  std::vector<ops::Config> points = {SigmoidMulConfig{.isa = isa}};
  for (const ops::Field& field : ops::kVectors.fields) {
    if (!field.shapes_code() || field.role == ops::Field::Role::kIsa) continue;
    std::vector<ops::Config> extended;
    for (const ops::Config& point : points) {
      for (int value : field.values) {
        extended.push_back(point);
        field.set(extended.back(), value);
      }
    }
    points = std::move(extended);
  }
  std::vector<Variant> valid;
  for (const ops::Config& point : points) {
    if (testing::ValidateFor(spec, point, testing::FullCpu(isa)).ok())
      valid.push_back({spec, point});
  }
  return valid;
}

// The code of a described CPU, on any machine.
std::vector<uint8_t> Emit(const Variant& v, const Cpu& cpu) {
  Assembler a(v.config.isa(), cpu);
  EmitSigmoidMul(a, v.spec, v.config.As<SigmoidMulConfig>());
  const auto code = a.Finish();
  return {code.begin(), code.end()};
}

TEST(SigmoidMulSpaceTest, EveryFieldChangesTheBytes) {
  for (const testing::DescribedCpu& described : testing::CpusOfDifferentCode()) {
    for (DType dtype : kTypes) {
      if (!testing::HasKernels(described.cpu, dtype)) continue;
      std::set<std::vector<uint8_t>> seen;
      for (const Variant& v : AllPoints(described.cpu.isa, dtype)) {
        EXPECT_TRUE(seen.insert(Emit(v, described.cpu)).second)
            << described.name << ": " << v.name() << " has the bytes of another point";
      }
      EXPECT_GT(seen.size(), 50u) << described.name;
    }
  }
}

TEST(SigmoidMulSpaceTest, BytesAreThoseOfTheInstructions) {
  for (const testing::DescribedCpu& a : testing::DescribedCpus()) {
    for (const testing::DescribedCpu& b : testing::DescribedCpus()) {
      const bool same_instructions = a.cpu.isa == b.cpu.isa && a.cpu.f16c == b.cpu.f16c &&
                                     a.cpu.avx512_bf16 == b.cpu.avx512_bf16;
      if (!same_instructions || a.name >= b.name) continue;
      for (DType dtype : kTypes) {
        if (!testing::HasKernels(a.cpu, dtype)) continue;
        const std::vector<Variant> points = AllPoints(a.cpu.isa, dtype);
        for (size_t i = 0; i < points.size(); i += 7) {
          ASSERT_EQ(Emit(points[i], a.cpu), Emit(points[i], b.cpu))
              << points[i].name() << ": " << a.name << ", " << b.name;
        }
      }
    }
  }
}

TEST(SigmoidMulSpaceTest, Avx2KernelsHaveNoEvex) {
  for (DType dtype : kTypes) {
    for (const Variant& v : AllPoints(Isa::kAvx2, dtype)) {
      ASSERT_EQ(testing::FirstEvexInstruction(Emit(v, testing::FullCpu(Isa::kAvx512))), "")
          << v.name();
    }
  }
}

// The grouping and storing of vectors has no effect on results: all points of one way to compute
// give the same bits at any address, including non-temporal stores to odd ones.
template <typename T>
void CheckGrouping(Isa isa, SigmoidMulSpec spec) {
  const uint64_t seed = 5;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 4);
  constexpr int kCount = 10000 / sizeof(T);  // two pages and more
  for (PowerTable table : kTables) {
    std::vector<T> x(kCount), expected(kCount);
    for (T& value : x) value = normal(random);
    const SigmoidMulConfig one = {.isa = isa, .vecs = 1, .table = table};
    if (!testing::ValidateFor(spec, one, HostCpu()).ok()) continue;
    const auto plain = MustCompile({spec, one});
    ASSERT_NE(plain, nullptr);
    RunRow(*plain, spec, x.data(), expected.data(), kCount);
    for (const Variant& v : AllPoints(isa, spec.dtype)) {
      const auto& c = v.config.As<SigmoidMulConfig>();
      if (c.table != table || c.reciprocal != 0 || c.prefetch > 4 || c.page_ahead > 8) continue;
      const auto kernel = MustCompile(v);
      ASSERT_NE(kernel, nullptr);
      for (int offset : {0, 1, 4, 6, 32, 62}) {
        GuardedBuffer out(kCount * sizeof(T) + offset, GuardedBuffer::kFront);
        auto* at = out.data() + offset;
        kernel->Run(SigmoidMulArgs{&spec, x.data(), at, 1, kCount, 0, 0});
        ASSERT_EQ(std::memcmp(at, expected.data(), kCount * sizeof(T)), 0)
            << v.name() << " at offset " << offset << ", seed " << seed;
        ASSERT_TRUE(out.SlackUntouched()) << v.name();
      }
    }
  }
}

class SigmoidMulGroupingTest : public ::testing::TestWithParam<std::tuple<Isa, DType>> {};

TEST_P(SigmoidMulGroupingTest, GroupingAndStoresDoNotChangeTheBits) {
  const auto [isa, dtype] = GetParam();
  if (const std::string needs = testing::Needs(isa, dtype); !needs.empty()) GTEST_SKIP() << needs;
  if (dtype == DType::kF32) CheckGrouping<float>(isa, {dtype});
  if (dtype == DType::kBF16) CheckGrouping<BFloat16>(isa, {dtype});
  if (dtype == DType::kF16) CheckGrouping<Float16>(isa, {dtype});
}

INSTANTIATE_TEST_SUITE_P(All, SigmoidMulGroupingTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kF32, DType::kBF16,
                                                              DType::kF16)),
                         [](const auto& info) {
                           return std::string(Name(std::get<0>(info.param))) + "_" +
                                  std::string(Name(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace jitattn::jit
