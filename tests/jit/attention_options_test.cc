// Softcap, ALiBi, sinks, log-sum-exp and output gates in kernels of every algorithm, against the
// formula.

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "jit/attention/alibi.h"
#include "jit/attention/softcap.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::jit {
namespace {

using testing::AttentionCase;
using testing::RunKernel;

constexpr double kLargestScore = 256;

class AttentionOptionsTest : public testing::AttentionKernelTest {
 protected:
  void Check(const AttentionSpec& spec, uint64_t seeds) {
    ForRandomForms(
        spec, seeds,
        [&](const AttentionSpec& form, const Kernel& kernel, auto zero, std::mt19937_64& random,
            uint64_t seed) { CheckShapes<decltype(zero)>(form, kernel, random, seed); });
  }

  template <typename T>
  void CheckShapes(const AttentionSpec& spec, const Kernel& kernel, std::mt19937_64& random,
                   uint64_t seed) {
    for (const float sink : {0.5f, -300.0f, 200.0f, -std::numeric_limits<float>::infinity()}) {
      AttentionCase<T> in{.spec = spec, .scale = 1.0 / 8};
      in.q_rows = 1 + static_cast<int64_t>(random() % 150);
      in.kv_len = 1 + static_cast<int64_t>(random() % 500);
      // Some rows see no key.
      in.offset = in.kv_len - in.q_rows - static_cast<int64_t>(random() % 20);
      in.left = in.offset - static_cast<int64_t>(random() % 100);
      in.gap = static_cast<int64_t>(random() % 3);
      in.first = {.query = static_cast<int64_t>(random() % 50),
                  .key = static_cast<int64_t>(random() % 50),
                  .head = static_cast<int64_t>(random() % 4)};
      in.sink = sink;
      in.slope = 1.0f / 32;
      in.softcap = 3;
      in.Fill(random(), 2);
      auto expected = testing::Expect(in);
      // Parts are computed in double by the plain loop, and by what is taken for exact.
      expected.plain_error =
          4 * expected.plain_error + kLargestScore * std::numeric_limits<double>::epsilon();
      std::vector<Compute<T>> lse;
      ASSERT_TRUE(testing::AsExactAsAPlainLoop(
          expected, RunKernel(kernel, in, testing::GuardedBuffer::kBack, &lse)))
          << kernel.name() << "\n"
          << in.Describe() << ", sink " << sink << ", seed " << seed;
      if (spec.lse) CheckLse(in, lse, kernel.name());
    }
  }

  // Of the sum of weights, relative. Exponentials for 16-bit types are off by 1e-4, and the sum
  // once more whenever the maximum moves, for these data three times at most. Pairs sum weights
  // that were rounded to bf16.
  template <typename T>
  static double WeightError(const std::string& name) {
    if (!kIsSmallFloat<T>) return 0;
    return 4e-4 + (name.find("_pairs") != std::string::npos ? 1.0 / 512 : 0);
  }

  template <typename T>
  void CheckLse(const AttentionCase<T>& in, const std::vector<Compute<T>>& lse,
                const std::string& name) {
    const auto exact = testing::ExactLse(in);
    for (size_t row = 0; row < exact.size(); ++row) {
      if (std::isinf(exact[row])) {
        ASSERT_EQ(lse[row], -std::numeric_limits<Compute<T>>::infinity())
            << name << ", row " << row << "\n"
            << in.Describe();
      } else {
        const double bound =
            WeightError<T>(name) + 32 * std::numeric_limits<Compute<T>>::epsilon() *
                                       (4 + static_cast<double>(std::abs(exact[row])));
        ASSERT_NEAR(lse[row], static_cast<double>(exact[row]), bound)
            << name << ", row " << row << "\n"
            << in.Describe();
      }
    }
  }
};

TEST_P(AttentionOptionsTest, Softcap) {
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&Softcap()}}, 1);
}
TEST_P(AttentionOptionsTest, Alibi) {
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&Alibi()}}, 1);
}
TEST_P(AttentionOptionsTest, Sinks) { Check({.dtype = dtype(), .mask = mask(), .sinks = true}, 2); }
TEST_P(AttentionOptionsTest, Lse) { Check({.dtype = dtype(), .mask = mask(), .lse = true}, 2); }
TEST_P(AttentionOptionsTest, OutGate) {
  Check({.dtype = dtype(), .mask = mask(), .gate = true}, 2);
}
TEST_P(AttentionOptionsTest, All) {
  Check({.dtype = dtype(),
         .mask = mask(),
         .sinks = true,
         .lse = true,
         .gate = true,
         .score_parts = {&Softcap(), &Alibi()}},
        2);
}

INSTANTIATE_TEST_SUITE_P(
    All, AttentionOptionsTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

// A gate of −∞ closes, one of ∞ opens; NaN stays where it is, and rows that see no key stay 0.
class OutGateTest : public testing::AttentionKernelTest {
 protected:
  template <typename T>
  void CheckSpecials(const AttentionSpec& spec, const Kernel& kernel, std::mt19937_64& random) {
    constexpr auto kInfinity = std::numeric_limits<Compute<T>>::infinity();
    AttentionCase<T> in{.spec = spec, .q_rows = 70, .kv_len = 33, .scale = 1.0 / 8};
    in.offset = -3;  // the first three rows see no key
    in.Fill(random());
    const int64_t columns = spec.value_dim;
    for (int64_t row = 0; row < in.q_rows; ++row) {
      T* const gates = &in.gate[row * columns];
      std::fill_n(gates, columns, T(row % 2 == 0 ? kInfinity : -kInfinity));
      if (row >= 3) gates[row % columns] = std::numeric_limits<T>::quiet_NaN();
    }
    const std::vector<T> got = RunKernel(kernel, in);
    AttentionCase<T> open = in;
    std::ranges::fill(open.gate, T(kInfinity));
    const std::vector<T> ungated = RunKernel(kernel, open);
    for (int64_t row = 0; row < in.q_rows; ++row) {
      for (int64_t d = 0; d < columns; ++d) {
        const Compute<T> y = got[row * columns + d];
        if (row >= 3 && row % columns == d) {
          ASSERT_TRUE(std::isnan(y)) << kernel.name() << " row " << row << ", column " << d;
        } else if (row < 3 || row % 2 == 1) {
          ASSERT_EQ(y, 0) << kernel.name() << " row " << row << ", column " << d;
        } else {
          ASSERT_EQ(y, ungated[row * columns + d]) << kernel.name() << " row " << row;
        }
      }
    }
  }
};

TEST_P(OutGateTest, InfinitiesAndNaN) {
  ForRandomForms(
      {.dtype = dtype(), .mask = mask(), .gate = true}, 2,
      [&](const AttentionSpec& form, const Kernel& kernel, auto zero, std::mt19937_64& random,
          uint64_t) { CheckSpecials<decltype(zero)>(form, kernel, random); });
}

INSTANTIATE_TEST_SUITE_P(
    All, OutGateTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kCausal)),
    testing::ParamName);

// On CPUs that are not at hand, the code is emitted and its instructions exist there.
TEST(AttentionOptionsCodeTest, IsEmittedForDescribedCpus) {
  int emitted = 0;
  for (const testing::DescribedCpu& described : testing::CpusOfDifferentCode()) {
    const Cpu& cpu = described.cpu;
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      if (!testing::HasKernels(cpu, dtype)) continue;
      AttentionSpec spec = {.dtype = dtype,
                            .mask = Mask::kWindow,
                            .sinks = true,
                            .lse = true,
                            .gate = true,
                            .score_parts = {&Softcap(), &Alibi()}};
      std::mt19937_64 random(1);
      for (int i = 0; i < 8; ++i) {
        spec.paged = i % 2 != 0;
        const ops::Config config = testing::RandomConfig(cpu.isa, spec, cpu, random);
        Assembler a(config.isa(), cpu);
        if (const auto* tiles = config.If<TilesConfig>()) {
          EmitTiles(a, spec, *tiles);
        } else {
          EmitRows(a, spec, config.As<RowsConfig>());
        }
        const std::span<const uint8_t> code = a.Finish().first(a.constants_begin());
        const std::string evex = testing::FirstEvexInstruction(code);
        EXPECT_EQ(evex.empty(), cpu.isa != Isa::kAvx512) << evex;
        ++emitted;
      }
    }
  }
  EXPECT_GT(emitted, 40);
}

}  // namespace
}  // namespace jitattn::jit
