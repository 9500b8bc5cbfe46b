// f32 operands whose products are those of bf16 pairs.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "jit/attention/tiles_kernel.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/jit_testing.h"

namespace jitattn::jit {
namespace {

using testing::AttentionCase;

class Bf16MathTest : public testing::AttentionKernelTest {
 protected:
  void SetUp() override {
    AttentionKernelTest::SetUp();
    if (!IsSkipped() && !HostCpu().avx512_bf16) GTEST_SKIP() << "needs avx512_bf16";
  }
};

TilesConfig RandomPairs(const AttentionSpec& spec, std::mt19937_64& random) {
  return testing::DrawConfig<TilesConfig>(Isa::kAvx512, spec, HostCpu(), random,
                                          [](TilesConfig& c) {
                                            c.pv = PvForm::kPairs;
                                            c.fuse_exp = 0;
                                          });
}

template <typename To, typename From>
std::vector<To> Converted(const std::vector<From>& from) {
  std::vector<To> to;
  for (const From& x : from) to.push_back(To(static_cast<float>(x)));
  return to;
}

// The same problem with operands rounded to bf16.
AttentionCase<BFloat16> RoundedCase(const AttentionCase<float>& in) {
  AttentionCase<BFloat16> rounded{.spec = in.spec,
                                  .q_rows = in.q_rows,
                                  .kv_len = in.kv_len,
                                  .offset = in.offset,
                                  .left = in.left,
                                  .gap = in.gap,
                                  .scale = in.scale};
  rounded.spec.dtype = DType::kBF16;
  rounded.spec.bf16_math = false;
  rounded.q = Converted<BFloat16>(in.q);
  rounded.k = Converted<BFloat16>(in.k);
  rounded.v = Converted<BFloat16>(in.v);
  rounded.bias = in.bias;
  return rounded;
}

// Runs of keys that the bias hides from every query, and keys that it hides from some.
void FillBias(AttentionCase<float>& in, std::mt19937_64& random) {
  constexpr double kHidden = -std::numeric_limits<double>::infinity();
  in.bias.rows = in.q_rows, in.bias.keys = in.kv_len;
  in.bias.values.assign(in.q_rows * in.kv_len, 0);
  for (int64_t key = 0; key < in.kv_len; ++key) {
    const bool hide = key / (1 + in.kv_len % 7) % 3 == 1;
    for (int64_t row = 0; row < in.q_rows; ++row) {
      const double bias = static_cast<double>(random() % 64) / 32;
      in.bias.values[row * in.kv_len + key] =
          hide || random() % 16 == 0 ? kHidden : testing::RoundedToBias(in.spec, bias);
    }
  }
}

// Keys that no query sees are not numbers.
void HideUnseen(AttentionCase<float>& in) {
  for (int64_t key = 0; key < in.kv_len; ++key) {
    bool seen = false;
    for (int64_t row = 0; row < in.q_rows && !seen; ++row) {
      const IndexRange keys = in.Keys(row);
      seen = keys.first <= key && key < keys.end &&
             in.BiasAt(row, key) != -std::numeric_limits<double>::infinity();
    }
    if (seen) continue;
    std::fill_n(in.k.begin() + key * in.spec.head_dim, in.spec.head_dim, NAN);
    std::fill_n(in.v.begin() + key * in.spec.value_dim, in.spec.value_dim, NAN);
  }
}

// Bit for bit the results of the kernel for bf16 on rounded operands, but that they are not
// rounded. That kernel is held to the formula by the other tests.
TEST_P(Bf16MathTest, EqualsTheKernelOfBf16OnRoundedOperands) {
  for (uint64_t seed = 0; seed < 24; ++seed) {
    std::mt19937_64 random(seed);
    AttentionSpec spec = {.dtype = DType::kF32, .mask = mask(), .bf16_math = true};
    spec.head_dim = 1 + static_cast<int>(random() % 150);
    spec.value_dim = 1 + static_cast<int>(random() % 150);
    spec.bias = seed % 3 == 0 ? Bias::kNone : seed % 3 == 1 ? Bias::kF32 : Bias::kSeen;
    const TilesConfig config = RandomPairs(spec, random);
    AttentionCase<float> in{.spec = spec};
    in.q_rows = 1 + static_cast<int64_t>(random() % 150);
    in.kv_len = 1 + static_cast<int64_t>(random() % 400);
    in.offset = in.kv_len - in.q_rows + static_cast<int64_t>(random() % 20) - 10;
    in.left = in.offset - static_cast<int64_t>(random() % 200);
    in.gap = static_cast<int64_t>(random() % 3);
    in.scale = 1.0 / 8;
    in.Fill(random());
    if (spec.bias != Bias::kNone) FillBias(in, random);
    HideUnseen(in);
    const AttentionCase<BFloat16> rounded = RoundedCase(in);
    const auto kernel = testing::CompileFor(spec, ops::Config(config), HostCpu());
    const auto of_bf16 = testing::CompileFor(
        rounded.spec, testing::CanonicalFor(rounded.spec, ops::Config(config)), HostCpu());
    ASSERT_TRUE(kernel.ok() && of_bf16.ok()) << kernel.status() << of_bf16.status();
    const std::vector<float> got = testing::RunKernel(**kernel, in);
    const std::vector<BFloat16> expected = testing::RunKernel(**of_bf16, rounded);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(static_cast<float>(BFloat16(got[i])), static_cast<float>(expected[i]))
          << i << " " << (*kernel)->name() << "\n"
          << in.Describe() << ", seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Bf16MathTest,
    ::testing::Combine(::testing::Values(Isa::kAvx512), ::testing::Values(DType::kF32),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

TEST(Bf16MathConfigTest, PairsNeedTheGrantAndTheCpu) {
  const AttentionSpec exact = {}, granted = {.bf16_math = true};
  const TilesConfig pairs = {.fuse_exp = 0, .exp_vecs = 4, .pv = PvForm::kPairs};
  Cpu cpu = testing::FullCpu(Isa::kAvx512);
  EXPECT_TRUE(ValidateTiles(pairs, granted, cpu).ok());
  EXPECT_FALSE(ValidateTiles(pairs, exact, cpu).ok());
  EXPECT_EQ(CanonicalTiles(pairs, granted).pv, PvForm::kPairs);
  EXPECT_EQ(CanonicalTiles(pairs, exact).pv, PvForm::kNatural);
  EXPECT_EQ(CanonicalRows({.pairs = 1}, granted).pairs, 0) << "keys in memory are floats";
  cpu.avx512_bf16 = false;
  EXPECT_FALSE(ValidateTiles(pairs, granted, cpu).ok());
}

}  // namespace
}  // namespace jitattn::jit
