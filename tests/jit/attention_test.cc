// Emitted attention against the formula: shapes, tails, masks and configurations; accuracy; memory.

#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <tuple>

#include "tests/jit/attention_reference.h"
#include "tests/long_tests.h"

namespace jitattn::jit {
namespace {

using testing::AsExactAsAPlainLoop;
using testing::AttentionCase;
using testing::CanonicalFor;
using testing::GuardedBuffer;
using testing::RandomConfig;
using testing::RunKernel;
using testing::ValidateFor;

std::shared_ptr<const Kernel> CompileOrDie(const AttentionSpec& spec, const ops::Config& config) {
  auto kernel = testing::CompileFor(spec, config, HostCpu());
  EXPECT_TRUE(kernel.ok()) << kernel.status();
  return kernel.ok() ? *kernel : nullptr;
}

class AttentionTest : public testing::AttentionKernelTest {};

// Sizes around the edges of vectors, register blocks, tiles and chunks.
constexpr int kDims[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 47, 64, 65, 100};
constexpr int kLengths[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  11, 13, 15, 16,
                            17, 24, 31, 32, 33, 48, 63, 64, 65, 70, 96, 97, 130};

template <size_t n>
int Pick(const int (&from)[n], std::mt19937_64& random) {
  return from[random() % n];
}

TEST_P(AttentionTest, RandomShapesAndConfigurations) {
  constexpr uint64_t kSeed = 20;
  constexpr int kShapes = 5;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < AllOrSome(400, 50) && !HasFailure(); ++i) {
    const AttentionSpec spec = {dtype(), mask(), Pick(kDims, random), Pick(kDims, random)};
    const ops::Config config = RandomConfig(isa(), spec, HostCpu(), random);
    const auto kernel = CompileOrDie(spec, config);
    for (int j = 0; j < kShapes; ++j) {
      ForType([&](auto zero) {
        AttentionCase<decltype(zero)> in{.spec = spec};
        in.q_rows = Pick(kLengths, random);
        in.kv_len = Pick(kLengths, random) * (1 + random() % 3);
        in.gap = random() % 2 * 3;
        in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
        in.offset = j == 0 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 200) - 100;
        in.Fill(random());
        const auto flush = random() % 2 ? GuardedBuffer::kFront : GuardedBuffer::kBack;
        EXPECT_TRUE(AsExactAsAPlainLoop(in, RunKernel(*kernel, in, flush)))
            << kernel->name() << "\n"
            << in.Describe() << ", seed " << kSeed << " kernel " << i;
      });
    }
  }
}

// One of each form of P·V where queries lie in the lanes; without an ISA the portable one.
std::vector<ops::Config> UsualConfigs(Isa isa, const AttentionSpec& spec) {
  if (isa == Isa::kPortable) return {ops::PortableAttentionConfig{}};
  std::vector<ops::Config> configs;
  for (const PvForm pv : {PvForm::kNatural, PvForm::kTransposed, PvForm::kPairs}) {
    TilesConfig config = {.isa = isa, .pv = pv};
    if (pv == PvForm::kPairs) {
      config.fuse_exp = 0;
      if (!ValidateFor(spec, config, HostCpu()).ok()) continue;
    }
    if (isa == Isa::kAvx2) config.q_vecs = 8, config.qk_vecs = config.pv_vecs = config.exp_vecs = 2;
    configs.push_back(CanonicalFor(spec, config));
  }
  return configs;
}

// Shapes whose tiles, chunks and blocks are all whole, and long ones.
TEST_P(AttentionTest, DefaultAtUsualSizes) {
  const struct {
    int head_dim, value_dim;
    int64_t q_rows, kv_len;
  } shapes[] = {{64, 64, 256, 256},    {128, 128, 64, 512}, {64, 128, 100, 1000},
                {1024, 1024, 70, 150}, {4096, 3, 5, 9},     {3, 4096, 9, 20}};
  for (const auto& shape : shapes) {
    const AttentionSpec spec = {dtype(), mask(), shape.head_dim, shape.value_dim};
    ForType([&](auto zero) {
      AttentionCase<decltype(zero)> in{
          .spec = spec, .q_rows = shape.q_rows, .kv_len = shape.kv_len};
      in.offset = in.kv_len - in.q_rows;
      in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
      in.Fill(5);
      const auto expected = testing::Expect(in);
      for (const ops::Config& config : UsualConfigs(isa(), spec)) {
        const auto kernel = CompileOrDie(spec, config);
        EXPECT_TRUE(AsExactAsAPlainLoop(expected, RunKernel(*kernel, in))) << kernel->name() << "\n"
                                                                           << in.Describe();
      }
    });
  }
}

class AttentionPairsTest : public testing::AttentionKernelTest {
 protected:
  void SetUp() override {
    AttentionKernelTest::SetUp();
    if (!IsSkipped() && !HostCpu().avx512_bf16) GTEST_SKIP() << "needs avx512_bf16";
  }
};

// The last pair of an odd head size has one column. The element behind it is not touched, or has no
// effect if it belongs to another row.
TEST_P(AttentionPairsTest, OddHeadSizes) {
  std::mt19937_64 random(12);
  for (const int head_dim : {1, 15, 17, 31, 33, 63, 65, 127}) {
    const AttentionSpec spec = {dtype(), mask(), head_dim, 20};
    const ops::Config configs[] = {
        testing::DrawConfig<TilesConfig>(isa(), spec, HostCpu(), random,
                                         [](TilesConfig& c) {
                                           c.pv = PvForm::kPairs;
                                           c.fuse_exp = 0;
                                           c.exp_vecs = 4;
                                         }),
        testing::DrawConfig<RowsConfig>(isa(), spec, HostCpu(), random,
                                        [](RowsConfig& c) { c.pairs = 1; }),
    };
    for (const ops::Config& config : configs) {
      const auto kernel = CompileOrDie(spec, config);
      ForType([&](auto zero) {
        for (const int64_t gap : {0, 3}) {
          AttentionCase<decltype(zero)> in{.spec = spec, .q_rows = 21, .kv_len = 70};
          in.gap = gap;
          in.offset = 49;
          in.scale = 1 / std::sqrt(static_cast<double>(head_dim));
          in.Fill(head_dim);
          EXPECT_TRUE(AsExactAsAPlainLoop(in, RunKernel(*kernel, in, GuardedBuffer::kBack)))
              << kernel->name() << "\n"
              << in.Describe();
        }
      });
    }
  }
}

// With large scores, rounding shows only in the few rows whose highest scores nearly tie. So the
// plain loop's error is taken over all inputs, and is at least one ulp of the largest score, which
// is the possible error of a score.
template <typename T>
void CheckTogether(Isa isa, uint64_t seed, double largest_score,
                   const std::vector<AttentionCase<T>>& cases) {
  std::mt19937_64 random(seed);
  testing::Wider<T> plain_error = std::numeric_limits<Compute<T>>::epsilon() * largest_score;
  std::vector<testing::Expected<T>> expected;
  for (const auto& in : cases) {
    expected.push_back(testing::Expect(in));
    plain_error = std::max(plain_error, expected.back().plain_error);
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const AttentionCase<T>& in = cases[i];
    const auto kernel = CompileOrDie(in.spec, RandomConfig(isa, in.spec, HostCpu(), random));
    expected[i].plain_error = plain_error;
    EXPECT_TRUE(AsExactAsAPlainLoop(expected[i], RunKernel(*kernel, in))) << kernel->name() << "\n"
                                                                          << in.Describe();
  }
}

// Logits up to 1e5 and beyond, of both signs, and every kind of scale.
TEST_P(AttentionTest, LargeScoresAndAnyScale) {
  const AttentionSpec spec = {dtype(), mask(), 32, 17};
  for (const double scale : {-1.0, 0.0, 0.3, 30.0, 3000.0, -1e4}) {
    ForType([&](auto zero) {
      std::vector<AttentionCase<decltype(zero)>> cases;
      for (int i = 0; i < 24; ++i) {
        cases.push_back({.spec = spec, .q_rows = 37, .kv_len = 131, .offset = 50, .scale = scale});
        cases.back().Fill(i);
      }
      CheckTogether(isa(), 6, 25 * std::abs(scale), cases);  // 4.4 σ of √32
    });
  }
}

// A maximum that keeps moving: each chunk's scores lie far above (or below) those before.
TEST_P(AttentionTest, ScoresThatRiseOrFall) {
  const AttentionSpec spec = {dtype(), mask(), 8, 16};
  for (const double slope : {0.7, -0.7, 40.0, -40.0}) {
    ForType([&](auto zero) {
      std::vector<AttentionCase<decltype(zero)>> cases;
      for (int i = 0; i < 24; ++i) {
        cases.push_back({.spec = spec, .q_rows = 70, .kv_len = 190, .offset = 120});
        auto& in = cases.back();
        in.Fill(i);
        for (int64_t row = 0; row < in.q_rows; ++row) in.q[row * 8] = row % 3 == 2 ? -1 : 1;
        for (int64_t key = 0; key < in.kv_len; ++key) in.k[key * 8] = slope * key;
      }
      CheckTogether(isa(), 7, 190 * std::abs(slope), cases);
    });
  }
}

// With scale = ln 2 the logarithms are small integers, the probabilities powers of two and, with
// integers in V, both sums exact whatever the blocking: what remains is 1/l and one product.
TEST_P(AttentionTest, SmallIntegersAreExact) {
  const double scale = std::log(2.0);
  ASSERT_EQ(scale * std::numbers::log2e, 1);
  std::mt19937_64 random(8);
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(random() % (high - low + 1));
  };
  for (int i = 0; i < 24 && !HasFailure(); ++i) {
    const AttentionSpec spec = {dtype(), mask(), 24, Pick(kDims, random)};
    const auto kernel = CompileOrDie(spec, RandomConfig(isa(), spec, HostCpu(), random));
    ForType([&](auto zero) {
      using T = decltype(zero);
      AttentionCase<T> in{.spec = spec, .q_rows = 67, .kv_len = 200, .offset = 150, .scale = scale};
      in.q.resize(in.q_rows * 24);
      in.k.resize(in.kv_len * 24);
      in.v.resize(in.kv_len * spec.value_dim);
      for (T& x : in.q) x = draw(-1, 1);
      for (int64_t key = 0; key < in.kv_len; ++key) in.k[key * 24 + draw(0, 23)] = draw(-2, 2);
      for (T& x : in.v) x = draw(-16, 16);
      const auto got = RunKernel(*kernel, in);
      for (int64_t row = 0; row < in.q_rows; ++row) {
        double sum = 0;
        std::vector<double> weighted(spec.value_dim);
        for (int64_t key = 0; key < in.SeenBy(row); ++key) {
          const double weight = std::exp2(
              std::inner_product(&in.q[row * 24], &in.q[row * 24] + 24, &in.k[key * 24], 0.0));
          sum += weight;
          for (int col = 0; col < spec.value_dim; ++col)
            weighted[col] += weight * in.v[key * spec.value_dim + col];
        }
        for (int col = 0; col < spec.value_dim; ++col) {
          const double exact = weighted[col] / sum;
          ASSERT_LE(std::abs(got[row * spec.value_dim + col] - exact),
                    2 * std::numeric_limits<T>::epsilon() * std::abs(exact))
              << kernel->name() << " row " << row << ", column " << col;
        }
      }
    });
  }
}

// Without a mask the offset has no effect; with one, no sum with the offset may overflow.
TEST_P(AttentionTest, ExtremeOffsets) {
  const AttentionSpec spec = {dtype(), mask(), 8, 5};
  std::mt19937_64 random(9);
  const auto kernel = CompileOrDie(spec, RandomConfig(isa(), spec, HostCpu(), random));
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (const int64_t offset : {kMin, kMin + 1, int64_t{-1} << 32, int64_t{1} << 32, kMax}) {
    ForType([&](auto zero) {
      AttentionCase<decltype(zero)> in{.spec = spec, .q_rows = 90, .kv_len = 40, .offset = offset};
      in.Fill(2);
      const auto got = RunKernel(*kernel, in);
      EXPECT_TRUE(AsExactAsAPlainLoop(in, got)) << kernel->name() << "\n" << in.Describe();
      if (mask() == Mask::kCausal && offset < 0) {
        for (const auto x : got) ASSERT_EQ(x, 0) << in.Describe();
      }
    });
  }
}

std::string ParamName(const ::testing::TestParamInfo<AttentionTest::ParamType>& info) {
  return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                      std::string(Name(std::get<1>(info.param))), "_",
                      testing::NameOf(std::get<2>(info.param)));
}

INSTANTIATE_TEST_SUITE_P(All, AttentionTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kF32, DType::kF64,
                                                              DType::kBF16, DType::kF16),
                                            ::testing::Values(Mask::kNone, Mask::kCausal)),
                         ParamName);

INSTANTIATE_TEST_SUITE_P(All, AttentionPairsTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx512),
                                            ::testing::Values(DType::kBF16),
                                            ::testing::Values(Mask::kNone, Mask::kCausal)),
                         ParamName);

INSTANTIATE_TEST_SUITE_P(Portable, AttentionTest,
                         ::testing::Combine(::testing::Values(Isa::kPortable),
                                            ::testing::Values(DType::kBF16, DType::kF16),
                                            ::testing::Values(Mask::kNone, Mask::kCausal)),
                         ParamName);

}  // namespace
}  // namespace jitattn::jit
