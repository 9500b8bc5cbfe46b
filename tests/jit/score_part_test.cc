// Score parts in kernels of both algorithms and on the portable path, against their formulas.

#include "jit/attention/score_part.h"

#include <tuple>

#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/score_parts.h"

namespace jitattn::jit {
namespace {

using testing::AttentionCase;
using testing::DistanceBias;
using testing::PlaceBias;
using testing::RunKernel;
using testing::Softcap;

constexpr double kScale = 1.0 / 8, kLargestScore = 256;

class ScorePartTest : public testing::AttentionKernelTest {
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
    for (int i = 0; i < 2; ++i) {
      AttentionCase<T> in{.spec = spec, .scale = kScale};
      in.q_rows = 1 + static_cast<int64_t>(random() % 150);
      in.kv_len = 1 + static_cast<int64_t>(random() % 500);
      in.offset = in.kv_len - in.q_rows;
      in.left = in.offset - static_cast<int64_t>(random() % 100);
      in.first = {.query = static_cast<int64_t>(random() % 50),
                  .key = static_cast<int64_t>(random() % 50),
                  .head = static_cast<int64_t>(random() % 4)};
      in.Fill(random(), 2);
      // Parts are computed in double by the plain loop, and by what is taken for exact.
      auto expected = testing::Expect(in);
      expected.plain_error =
          4 * expected.plain_error + kLargestScore * std::numeric_limits<double>::epsilon();
      ASSERT_TRUE(testing::AsExactAsAPlainLoop(expected, RunKernel(kernel, in)))
          << kernel.name() << "\n"
          << in.Describe() << ", seed " << seed;
    }
  }
};

TEST_P(ScorePartTest, OfTheScoreAlone) {
  const Softcap softcap(3);
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&softcap}}, 2);
}

TEST_P(ScorePartTest, OfTheDistance) {
  const DistanceBias bias(1.0 / 32);
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&bias}}, 2);
}

TEST_P(ScorePartTest, OfThePlaceAndTheArguments) {
  const PlaceBias bias(kScale);
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&bias}}, 2);
}

// In their order, each with slots of its own.
TEST_P(ScorePartTest, OneAfterTheOther) {
  const Softcap softcap(20);
  const PlaceBias place(kScale);
  const DistanceBias distance(1.0 / 16);
  Check({.dtype = dtype(), .mask = mask(), .score_parts = {&place, &softcap, &place, &distance}},
        2);
}

INSTANTIATE_TEST_SUITE_P(
    All, ScorePartTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

// Registers that a part asks for count: what is valid can be emitted, and one more is refused.
TEST(ScorePartRegistersTest, AreThoseOfTheKernel) {
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    const Cpu cpu = testing::FullCpu(isa);
    const TilesConfig tiles = {.isa = isa, .qk_keys = 2, .qk_vecs = 3, .exp_vecs = 1, .pv_vecs = 1};
    const RowsConfig rows = {.isa = isa, .exp_vecs = 2, .pv_rows = 1, .pv_vecs = 1};
    for (const ops::Config& config : {ops::Config(tiles), ops::Config(rows)}) {
      const int scores = config.If<TilesConfig>() ? 2 * 3 : 2;
      const testing::Greedy most(VecRegs(isa) - scores), more(VecRegs(isa) - scores + 1);
      AttentionSpec spec = {.score_parts = {&most}};
      EXPECT_TRUE(testing::ValidateFor(spec, config, cpu).ok());
      Assembler a(isa, cpu);
      if (const auto* c = config.If<TilesConfig>()) {
        EmitTiles(a, spec, *c);
      } else {
        EmitRows(a, spec, rows);
      }
      spec.score_parts = {&more};
      EXPECT_FALSE(testing::ValidateFor(spec, config, cpu).ok());
    }
  }
}

}  // namespace
}  // namespace jitattn::jit
