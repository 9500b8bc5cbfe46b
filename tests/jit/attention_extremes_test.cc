// Attention at the ends of the range: scores up to the largest numbers, sums near them, and more
// keys than the type can count.

#include <cstdint>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "jit/attention/emit_softmax.h"
#include "jit/executable_memory.h"
#include "tests/jit/extreme_scores.h"

namespace jitattn::jit {
namespace {

using testing::AmongTheGreatest;
using testing::AttentionCase;
using testing::EqualScores;
using testing::EveryForm;
using testing::MeanOfTheBest;
using testing::RandomScores;
using testing::RunKernel;
using testing::ScoreSizes;
using testing::ValuesOfTheGreatest;
using testing::Within;

class AttentionExtremesTest : public testing::AttentionKernelTest {
 protected:
  static constexpr int kLengths[] = {1, 31, 33, 257, 600};

  std::vector<std::shared_ptr<const Kernel>> Kernels(const AttentionSpec& spec, int kv_block = 32) {
    std::vector<std::shared_ptr<const Kernel>> kernels;
    for (const ops::Config& config : EveryForm(isa(), spec, HostCpu(), kv_block)) {
      auto kernel = testing::CompileFor(spec, config, HostCpu());
      EXPECT_TRUE(kernel.ok()) << kernel.status();
      if (kernel.ok()) kernels.push_back(*kernel);
    }
    EXPECT_FALSE(kernels.empty());
    return kernels;
  }

  // Every form, with every length and size of scores. The bounds are computed once for all forms.
  template <typename T, typename Make, typename Allow>
  void CheckEachCase(const AttentionSpec& spec, Make make, Allow allow) {
    const auto kernels = Kernels(spec);
    for (const double size : ScoreSizes<T>()) {
      for (const int kv_len : kLengths) {
        const AttentionCase<T> in = make(size, kv_len);
        const auto allowed = allow(in);
        for (const auto& kernel : kernels) {
          ASSERT_TRUE(Within(allowed, RunKernel(*kernel, in)))
              << kernel->name() << ", scores up to " << size << ", " << in.Describe();
        }
      }
    }
  }
};

TEST_P(AttentionExtremesTest, RandomScoresChooseTheGreatest) {
  for (const int head_dim : {1, 24}) {
    const AttentionSpec spec = {dtype(), mask(), head_dim, 5};
    ForType([&](auto zero) {
      using T = decltype(zero);
      CheckEachCase<T>(
          spec,
          [&](double size, int kv_len) { return RandomScores<T>(spec, 37, kv_len, size, kv_len); },
          [](const AttentionCase<T>& in) { return ValuesOfTheGreatest(in); });
    });
  }
}

TEST_P(AttentionExtremesTest, EqualScoresHaveEqualWeights) {
  const AttentionSpec spec = {dtype(), mask(), 24, 5};
  for (const int every_other : {1, 3}) {
    ForType([&](auto zero) {
      using T = decltype(zero);
      CheckEachCase<T>(
          spec,
          [&](double size, int kv_len) {
            return EqualScores<T>(spec, 37, kv_len, size, kv_len, every_other);
          },
          [&](const AttentionCase<T>& in) { return MeanOfTheBest(in, every_other); });
    });
  }
}

// Operands that are all one number, with the usual scale. The sums over a block's equal numbers
// may be rounded the same way every time.
TEST_P(AttentionExtremesTest, OneNumberEverywhere) {
  constexpr int kBlock = 128;
  const AttentionSpec spec = {dtype(), mask(), 64, 64};
  for (const auto& kernel : Kernels(spec, kBlock)) {
    for (const float x : {15000.0f, 20000.0f, 133120.0f, -1e9f, 1e18f}) {
      if (dtype() == DType::kF16 && std::abs(x) > 65504) continue;
      ForType([&](auto zero) {
        using T = decltype(zero);
        AttentionCase<T> in{.spec = spec, .q_rows = 33, .kv_len = 300, .offset = 267};
        in.scale = 1.0 / 8;
        in.q.assign(in.q_rows * 64, static_cast<T>(x));
        in.k.assign(in.kv_len * 64, static_cast<T>(x));
        in.v.assign(in.kv_len * 64, static_cast<T>(x));
        for (const T y : RunKernel(*kernel, in)) {
          ASSERT_NEAR(static_cast<double>(y), static_cast<double>(static_cast<T>(x)),
                      (kBlock * std::numeric_limits<Compute<T>>::epsilon() +
                       std::numeric_limits<T>::epsilon()) *
                          std::abs(x))
              << kernel->name() << " " << x;
        }
      });
    }
  }
}

// The maximum moves from one great score to a much greater one in another block.
TEST_P(AttentionExtremesTest, TheGreatestComesLast) {
  const AttentionSpec spec = {dtype(), mask(), 1, 5};
  for (const auto& kernel : Kernels(spec)) {
    ForType([&](auto zero) {
      using T = decltype(zero);
      AttentionCase<T> in{.spec = spec, .q_rows = 24, .kv_len = 300, .offset = 300};
      in.Fill(1);
      std::fill(in.k.begin(), in.k.end(), 0);
      std::fill(in.q.begin(), in.q.end(), dtype() == DType::kF16 ? 30000 : 1);
      in.k[0] = dtype() == DType::kF16 ? 40000.0f : 697093376.0f;
      in.k[299] = dtype() == DType::kF16 ? 50000.0f : 1321446528.0f;
      const auto got = RunKernel(*kernel, in);
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_EQ(got[i], in.v[299 * 5 + i % 5]) << kernel->name() << " element " << i;
    });
  }
}

// NaN and infinities mean the same beside great scores as beside small ones.
TEST_P(AttentionExtremesTest, SpecialsAmongGreatScores) {
  const AttentionSpec spec = {dtype(), mask(), 1, 5};
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const auto& kernel : Kernels(spec)) {
    for (const float special : {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf}) {
      for (const int key : {0, 40, 299}) {
        ForType([&](auto zero) {
          using T = decltype(zero);
          auto in = RandomScores<T>(spec, 24, 300, 3e9, 4);
          for (T& x : in.q) x = std::abs(static_cast<float>(x));
          in.k[key] = special;
          const auto got = RunKernel(*kernel, in);
          if (special == -kInf) in.k[key] = std::numeric_limits<T>::lowest();
          const auto right = AmongTheGreatest(in, got);
          for (int64_t row = 0; row < in.q_rows; ++row) {
            const bool seen = key < in.SeenBy(row);
            for (int column = 0; column < 5; ++column) {
              ASSERT_EQ(std::isnan(static_cast<float>(got[row * 5 + column])),
                        seen && special != -kInf)
                  << kernel->name() << ": key " << key << " is " << special << ", row " << row;
            }
          }
          EXPECT_TRUE(special != -kInf || right) << kernel->name() << " " << right.message();
        });
      }
    }
  }
}

// A weight is at most 2^8, so that sums stay in range up to max / (2^8 n). All keys except the
// first block's have the greatest possible weight that does not raise the maximum.
TEST_P(AttentionExtremesTest, SumsStayInRange) {
  constexpr int kKeys = 256;
  const AttentionSpec spec = {dtype(), mask(), 1, 5};
  for (const auto& kernel : Kernels(spec)) {
    ForType([&](auto zero) {
      using T = decltype(zero);
      AttentionCase<T> in{.spec = spec, .q_rows = 24, .kv_len = kKeys, .offset = kKeys};
      in.scale = std::numbers::ln2;  // scores are logarithms to the base 2
      in.q.assign(in.q_rows, static_cast<T>(1.0f));
      in.k.assign(kKeys, static_cast<T>(7.5f));
      std::fill_n(in.k.begin(), 32, static_cast<T>(0.0f));  // the first block
      // In f16 sums of floats have room for any number of keys.
      const double most = static_cast<double>(std::numeric_limits<T>::max());
      const double value = std::is_same_v<T, Float16> ? most : most / (256 * kKeys);
      in.v.assign(kKeys * 5, static_cast<T>(value));
      for (const T y : RunKernel(*kernel, in)) {
        ASSERT_NEAR(static_cast<double>(y) / value, 1, 4 * std::numeric_limits<T>::epsilon())
            << kernel->name();
      }
    });
  }
}

// Rounding m + 7.5 never gives more than m + 8, which is what keeps weights below 2^8.
TEST(RescaleThreshold, IsAtMostEightAfterRounding) {
  std::mt19937_64 random(5);
  for (int exponent = -10; exponent < 40; ++exponent) {
    for (int i = 0; i < 20000; ++i) {
      const float m =
          std::ldexp(1 + static_cast<float>(random() % (1 << 23)) / (1 << 23), exponent);
      for (const float signed_m : {m, -m, std::ldexp(1.0f, exponent) - static_cast<float>(i % 16)})
        ASSERT_LE(static_cast<float>(signed_m + kRescaleThreshold) - signed_m, 8) << signed_m;
    }
  }
}

// ---- More keys than float counts ----

struct ManyKeys {
  Isa isa;
  int64_t kv_len;
};

class AttentionOfManyKeysTest : public ::testing::TestWithParam<ManyKeys> {
 protected:
  void SetUp() override {
    if (HostCpu().isa < GetParam().isa) GTEST_SKIP() << "no " << Name(GetParam().isa);
    if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "no executable memory";
  }

  // Equal scores and values, all in the same place: what differs from `value` is the sums' error.
  static double Error(const Kernel& kernel, const AttentionSpec& spec, float value,
                      int64_t kv_len) {
    constexpr int kRows = 8;
    const float q[kRows] = {}, k = 1;
    float out[kRows];
    testing::GuardedBuffer scratch((kernel.scratch_bytes(kv_len, kRows) + 63) / 64 * 64,
                                   testing::GuardedBuffer::kBack);
    kernel.Run(AttentionArgs{.spec = &spec,
                             .q = q,
                             .k = &k,
                             .v = &value,
                             .out = out,
                             .q_stride = sizeof(float),
                             .out_stride = sizeof(float),
                             .q_rows = kRows,
                             .kv_len = kv_len,
                             .scale = 1,
                             .scratch = scratch.data()});
    double error = 0;
    for (const float y : out) error = std::max<double>(error, std::abs(y - value));
    return error;
  }
};

// Weights of 1. Every sum is exact as long as the sums over chunks are multiples of a power of two
// that the sum over all chunks can hold. A sum of single values would stop at 2^24.
TEST_P(AttentionOfManyKeysTest, SumsOfEqualValues) {
  const AttentionSpec spec = {DType::kF32, Mask::kNone, 1, 1};
  constexpr int kBlock = 512;
  for (const ops::Config& config : EveryForm(GetParam().isa, spec, HostCpu(), kBlock)) {
    const auto* tiles = config.If<TilesConfig>();
    const auto* rows = config.If<RowsConfig>();
    if (tiles != nullptr && tiles->pack != 0) continue;  // copies every key, and computes the same
    // Every weight is 1, whatever the exponential.
    const int degree = tiles != nullptr  ? tiles->exp_degree
                       : rows != nullptr ? rows->exp_degree
                                         : 0;
    if (degree != 0 && degree != EmitExp::Degrees(GetParam().isa, spec.dtype).front()) continue;
    const auto kernel = testing::CompileFor(spec, config, HostCpu());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_EQ(Error(**kernel, spec, 1, GetParam().kv_len), 0) << (*kernel)->name();
    // Each addition of the longest chain may have an error of half an ulp.
    const double steps = kBlock + static_cast<double>(GetParam().kv_len) / kBlock;
    EXPECT_LE(Error(**kernel, spec, 0.7f, GetParam().kv_len), steps * 0x1p-24) << (*kernel)->name();
  }
}

std::string ManyKeysName(const ::testing::TestParamInfo<ManyKeys>& info) {
  return absl::StrCat(std::string(Name(info.param.isa)), "_", info.param.kv_len);
}

INSTANTIATE_TEST_SUITE_P(All, AttentionOfManyKeysTest,
                         ::testing::Values(ManyKeys{Isa::kAvx2, int64_t{5} << 22},
                                           ManyKeys{Isa::kAvx512, int64_t{5} << 22},
                                           ManyKeys{Isa::kPortable, int64_t{5} << 22}),
                         ManyKeysName);

INSTANTIATE_TEST_SUITE_P(
    All, AttentionExtremesTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal)),
    testing::ParamName);

}  // namespace
}  // namespace jitattn::jit
