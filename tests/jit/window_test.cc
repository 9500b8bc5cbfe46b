// Kernels of windows, whose rows see a band of keys with two ends, against the formula: both
// algorithms, every form of P·V, and the portable path.

#include <limits>
#include <tuple>

#include "tests/jit/attention_reference.h"

namespace jitattn::jit {
namespace {

using testing::AsExactAsAPlainLoop;
using testing::AttentionCase;
using testing::GuardedBuffer;
using testing::RunKernel;

constexpr int kDims[] = {1, 3, 8, 16, 17, 20, 33, 64};
constexpr int64_t kRows[] = {1, 2, 5, 13, 16, 33, 64, 70, 130};
constexpr int64_t kKeys[] = {1, 7, 16, 33, 64, 97, 200, 333, 700};

template <typename T>
T Pick(std::span<const T> from, std::mt19937_64& random) {
  return from[random() % from.size()];
}

class WindowTest : public testing::AttentionKernelTest {
 protected:
  AttentionSpec RandomSpec(std::mt19937_64& random) const {
    return {dtype(), Mask::kWindow, Pick<int>(kDims, random), Pick<int>(kDims, random)};
  }

  template <typename T>
  void Check(const ops::Config& config, const AttentionCase<T>& in, uint64_t seed) {
    const auto kernel = testing::CompileFor(in.spec, config, HostCpu());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    const auto flush = seed % 2 ? GuardedBuffer::kFront : GuardedBuffer::kBack;
    ASSERT_TRUE(AsExactAsAPlainLoop(in, RunKernel(**kernel, in, flush)))
        << (*kernel)->name() << "\n"
        << in.Describe() << ", seed " << seed;
  }
};

template <typename T>
AttentionCase<T> RandomCase(const AttentionSpec& spec, std::mt19937_64& random) {
  AttentionCase<T> in{.spec = spec};
  in.q_rows = Pick<int64_t>(kRows, random);
  in.kv_len = Pick<int64_t>(kKeys, random);
  in.gap = random() % 2 * 3;
  in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
  in.offset = random() % 2 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 300) - 100;
  constexpr int kMost[] = {3, 20, 80, 400};
  const int64_t seen = random() % kMost[random() % 4];  // keys that a row sees
  in.left = in.offset + 1 - seen;
  in.Fill(random());
  return in;
}

// Keys that no row sees are NaN, and so are a few keys and values that some rows see.
template <typename T>
void Spoil(AttentionCase<T>* in, std::mt19937_64& random) {
  for (int64_t key = 0; key < in->kv_len; ++key) {
    const bool unseen = in->band().Queries(key, in->q_rows).size() == 0;
    if (!unseen && random() % 64 != 0) continue;
    const auto spoil = [&](std::vector<T>& rows, int64_t dim) {
      const T x =
          random() % 2 ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
      std::fill_n(&rows[key * dim], dim, x);
    };
    if (unseen || random() % 2) spoil(in->v, in->spec.value_dim);
    if (unseen || random() % 2) spoil(in->k, in->spec.head_dim);
  }
}

TEST_P(WindowTest, RandomShapesAndConfigurations) {
  for (uint64_t seed = 0; seed < 6 && !HasFatalFailure(); ++seed) {
    std::mt19937_64 random(seed);
    const AttentionSpec spec = RandomSpec(random);
    for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
      ForType([&](auto zero) {
        for (int i = 0; i < 4 && !HasFatalFailure(); ++i)
          Check(config, RandomCase<decltype(zero)>(spec, random), seed);
      });
    }
  }
}

TEST_P(WindowTest, WhatARowDoesNotSeeNeverReachesIt) {
  for (uint64_t seed = 100; seed < 105 && !HasFatalFailure(); ++seed) {
    std::mt19937_64 random(seed);
    const AttentionSpec spec = RandomSpec(random);
    for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
      ForType([&](auto zero) {
        for (int i = 0; i < 4 && !HasFatalFailure(); ++i) {
          auto in = RandomCase<decltype(zero)>(spec, random);
          Spoil(&in, random);
          Check(config, in, seed);
        }
      });
    }
  }
}

// No sum with an end overflows, and a left end behind the right one leaves nothing to see.
TEST_P(WindowTest, ExtremeEnds) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kEnds[] = {kMin, kMin + 1, -1000, -89, 0, 39, 41, int64_t{1} << 32, kMax};
  std::mt19937_64 random(9);
  const AttentionSpec spec = {dtype(), Mask::kWindow, 8, 5};
  for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
    for (const int64_t left : kEnds) {
      for (const int64_t right : kEnds) {
        ForType([&](auto zero) {
          AttentionCase<decltype(zero)> in{
              .spec = spec, .q_rows = 90, .kv_len = 40, .offset = right, .left = left};
          in.Fill(2);
          Check(config, in, 0);
        });
        if (HasFatalFailure()) return;
      }
    }
  }
}

// With a left end before every key a window is the causal mask, bit for bit where the sums are
// taken in the same order.
TEST_P(WindowTest, WithoutALeftEndItIsCausal) {
  std::mt19937_64 random(10);
  for (const ops::Config& config :
       testing::RandomForms(isa(), {dtype(), Mask::kWindow, 20, 33}, random)) {
    if (config.If<RowsConfig>() == nullptr && isa() != Isa::kPortable) continue;
    ForType([&](auto zero) {
      AttentionCase<decltype(zero)> in{.spec = {dtype(), Mask::kWindow, 20, 33},
                                       .q_rows = 70,
                                       .kv_len = 300,
                                       .offset = 200,
                                       .left = -1000};
      in.Fill(3);
      auto causal = in;
      causal.spec.mask = Mask::kCausal;
      const auto kernel = testing::CompileFor(in.spec, config, HostCpu());
      const auto other = testing::CompileFor(causal.spec, config, HostCpu());
      ASSERT_TRUE(kernel.ok() && other.ok());
      const auto got = RunKernel(**kernel, in), expected = RunKernel(**other, causal);
      EXPECT_EQ(0, std::memcmp(got.data(), expected.data(), got.size() * sizeof(zero)))
          << (*kernel)->name();
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, WindowTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kWindow)),
    [](const auto& info) {
      return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                          std::string(Name(std::get<1>(info.param))));
    });

}  // namespace
}  // namespace jitattn::jit
