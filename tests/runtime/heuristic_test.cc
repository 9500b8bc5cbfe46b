// The default configuration is valid for every problem, and sensible as far as can be checked
// without a clock.

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {
namespace {

using jit::Mask;
using jit::RowsConfig;
using jit::SigmoidMulConfig;
using jit::TilesConfig;
using ops::AttentionProblem;
using ops::SigmoidMulProblem;

Cpu CpuWith(Isa isa) {
  Cpu cpu;
  cpu.isa = cpu.detected_isa = isa;
  cpu.f16c = isa >= Isa::kAvx2;
  cpu.fma_units = 1;
  return cpu;
}

constexpr DType kTypes[] = {DType::kF32, DType::kF64, DType::kBF16, DType::kF16};

void ExpectValid(const ops::Problem& problem, const Cpu& cpu, int threads) {
  const ops::Config config = ops::DefaultConfig(problem, cpu, threads);
  EXPECT_TRUE(ops::Validate(config, problem, cpu).ok())
      << ops::Describe(problem) << ": " << ops::ToString(config) << ": "
      << ops::Validate(config, problem, cpu);
  EXPECT_EQ(ops::Canonical(config, problem), config) << ops::ToString(config);
  EXPECT_GE(config.threads(), 1);
  EXPECT_LE(config.threads(), threads);
}

class HeuristicTest : public testing::TestWithParam<jit::testing::DescribedCpu> {
 protected:
  const Cpu& cpu() const { return GetParam().cpu; }
};

TEST_P(HeuristicTest, AttentionIsAlwaysValid) {
  constexpr int64_t kDims[] = {1,   2,   3,   7,   8,   15,  16,  17,   31,   32,   33,   48,
                               63,  64,  65,  80,  96,  100, 112, 127,  128,  129,  160,  192,
                               200, 255, 256, 257, 400, 512, 768, 1000, 1024, 1025, 2048, 4096};
  constexpr int64_t kLengths[] = {0, 1, 2, 5, 16, 17, 63, 64, 128, 300, 1024, 5000, 100000};
  for (DType dtype : kTypes) {
    for (Mask mask : {Mask::kNone, Mask::kCausal}) {
      for (int64_t dim : kDims) {
        for (int64_t length : kLengths) {
          AttentionProblem p{.dtype = dtype,
                             .mask = mask,
                             .heads = 4,
                             .kv_heads = 2,
                             .q_len = length,
                             .kv_len = length,
                             .head_dim = dim,
                             .value_dim = dim};
          ExpectValid(p, cpu(), 4);
          p.q_len = 1;
          p.value_dim = 4097 - dim;
          ExpectValid(p, cpu(), 1);
        }
      }
    }
  }
}

bool UsesPairs(const ops::Config& config) {
  if (const auto* rows = config.If<RowsConfig>()) return rows->pairs != 0;
  const auto* const tiles = config.If<TilesConfig>();
  return tiles != nullptr && tiles->pv == jit::PvForm::kPairs;
}

// Emitted where it can be, and of pairs where there are products of them.
TEST_P(HeuristicTest, TheDefaultUsesWhatTheCpuHas) {
  for (DType dtype : kTypes) {
    const bool emitted = jit::testing::HasKernels(cpu(), dtype);
    const bool pairs = cpu().avx512_bf16 && dtype == DType::kBF16;
    for (int64_t q_len : {1, 300}) {
      const AttentionProblem p{.dtype = dtype, .q_len = q_len, .kv_len = 2000};
      const ops::Config c = ops::DefaultConfig(p, cpu(), 1);
      EXPECT_EQ(c.isa(), emitted ? cpu().isa : Isa::kPortable) << ops::ToString(c);
      EXPECT_EQ(c.Is<ops::PortableAttentionConfig>(), !emitted) << ops::ToString(c);
      EXPECT_EQ(UsesPairs(c), pairs) << ops::ToString(c);
    }
    const ops::Config c =
        ops::DefaultConfig(SigmoidMulProblem{.dtype = dtype, .rows = 8, .cols = 8}, cpu(), 1);
    EXPECT_EQ(c.isa(), emitted ? cpu().isa : Isa::kPortable) << ops::ToString(c);
    EXPECT_EQ(c.Is<ops::PortableSigmoidMulConfig>(), !emitted) << ops::ToString(c);
  }
}

// Tiles round f32 operands where the caller grants that; a few rows read floats from memory.
TEST_P(HeuristicTest, GrantedRoundingIsUsedByTiles) {
  AttentionProblem p{.bf16_math = true, .q_len = 300, .kv_len = 2000};
  ExpectValid(p, cpu(), 1);
  EXPECT_EQ(UsesPairs(ops::DefaultConfig(p, cpu(), 1)), cpu().avx512_bf16);
  p.q_len = 1;
  ExpectValid(p, cpu(), 1);
  EXPECT_FALSE(UsesPairs(ops::DefaultConfig(p, cpu(), 1)));
}

// A search, or a person, may ask for any algorithm whose code the CPU can run.
TEST_P(HeuristicTest, EveryAlgorithmHasAValidGuess) {
  for (const ops::Operation* operation : ops::Operations()) {
    for (DType dtype : kTypes) {
      ops::Problem problem = operation->blank();
      problem.set_dtype(dtype);
      for (const ops::Algorithm* algorithm : operation->algorithms) {
        const ops::Field* const isa = ops::FindField(*algorithm, "isa");
        ASSERT_NE(isa, nullptr);
        const auto& isas = isa->values;
        const bool portable = isas.front() == static_cast<int>(Isa::kPortable);
        if (!portable && !jit::testing::HasKernels(cpu(), dtype)) continue;
        const ops::Config config = algorithm->heuristic(problem, cpu(), 4);
        EXPECT_EQ(&config.algorithm(), algorithm);
        const ops::Config canonical = ops::Canonical(config, problem);
        EXPECT_TRUE(ops::Validate(canonical, problem, cpu()).ok())
            << ops::ToString(canonical) << ": " << ops::Validate(canonical, problem, cpu());
      }
    }
  }
}

TEST_P(HeuristicTest, SigmoidMulIsAlwaysValid) {
  for (DType dtype : kTypes) {
    for (int64_t cols = 1; cols < int64_t{1} << 34; cols = cols * 3 + 1) {
      ExpectValid(SigmoidMulProblem{.dtype = dtype, .rows = 3, .cols = cols}, cpu(), 8);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpus, HeuristicTest, testing::ValuesIn(jit::testing::DescribedCpus()),
                         [](const auto& info) { return info.param.name; });

TEST(Heuristic, TinyProblemsTakeOneThreadAndLargeOnesAll) {
  const Cpu cpu = CpuWith(Isa::kAvx512);
  EXPECT_EQ(ops::DefaultConfig(AttentionProblem{.q_len = 16, .kv_len = 16}, cpu, 8).threads(), 1);
  EXPECT_EQ(
      ops::DefaultConfig(
          AttentionProblem{.heads = 16, .kv_heads = 16, .q_len = 2048, .kv_len = 2048}, cpu, 8)
          .threads(),
      8);
  EXPECT_EQ(ops::DefaultConfig(SigmoidMulProblem{.rows = 8, .cols = 64}, cpu, 8).threads(), 1);
  EXPECT_EQ(ops::DefaultConfig(SigmoidMulProblem{.rows = 4096, .cols = 4096}, cpu, 8).threads(), 8);
}

// The time that pays for a thread is the same for all types and problems; the work in that time is
// not.
TEST(Heuristic, AThreadMustBeWorthItsStart) {
  const Cpu wide = CpuWith(Isa::kAvx512), narrow = CpuWith(Isa::kAvx2);
  const AttentionProblem f32{.q_len = 512, .kv_len = 512};  // bound by its operations
  AttentionProblem f64 = f32;
  f64.dtype = DType::kF64;
  EXPECT_GT(ops::WorthwhileFlops(f32, wide), 0);
  EXPECT_EQ(ops::WorthwhileFlops(f32, wide), 2 * ops::WorthwhileFlops(f64, wide));
  EXPECT_EQ(ops::WorthwhileFlops(f32, wide), 2 * ops::WorthwhileFlops(f32, narrow));
  const SigmoidMulProblem one{.dtype = DType::kF32}, two{.dtype = DType::kF64};
  EXPECT_EQ(ops::WorthwhileFlops(one, wide), 2 * ops::WorthwhileFlops(two, wide));
  EXPECT_EQ(ops::WorthwhileFlops(one, wide), 2 * ops::WorthwhileFlops(one, narrow));
}

ops::Config DefaultOf(const AttentionProblem& p, int threads = 1) {
  return ops::DefaultConfig(p, CpuWith(Isa::kAvx512), threads);
}

// Heads with few queries each do not fill a tile, but a group of them has enough rows for "rows".
// Full tiles are faster than "rows" while the keys are in a near cache.
TEST(Heuristic, RowsOfAGroupShareItsKeysWhereQueriesFillNoTile) {
  const auto algorithm = [](int64_t group, int64_t q_len, int64_t kv_len) {
    return DefaultOf({.heads = group, .q_len = q_len, .kv_len = kv_len}).algorithm().name;
  };
  EXPECT_EQ(algorithm(1, 16, 64), ops::kRows.name);
  EXPECT_EQ(algorithm(8, 4, 1024), ops::kRows.name);
  EXPECT_EQ(algorithm(8, 16, 1024), ops::kTiles.name);
  EXPECT_EQ(algorithm(8, 64, 1024), ops::kTiles.name);
  EXPECT_EQ(algorithm(8, 4, 15), ops::kTiles.name);
}

// Query heads of a group may be handed over as queries, [kv head][head of the group][column], with
// a bias that is the same for all of them. They are as fast as a group.
TEST(Heuristic, AGroupHandedOverAsQueriesIsAGroup) {
  for (const DType dtype : kTypes) {
    for (const jit::Bias bias : {jit::Bias::kNone, jit::Bias::kF32, jit::Bias::kSeen}) {
      for (const int threads : {1, 16}) {
        for (int64_t group = 2; group <= 16; ++group) {
          AttentionProblem p{.dtype = dtype, .bias = bias, .kv_len = 8192};
          p.heads = p.kv_heads = 2, p.q_len = group;
          AttentionProblem grouped = p;
          grouped.heads = 2 * group, grouped.q_len = 1;
          const ops::Config config = DefaultOf(p, threads);
          EXPECT_TRUE(config.Is<RowsConfig>()) << ops::Describe(p);
          EXPECT_EQ(config, DefaultOf(grouped, threads)) << ops::Describe(p);
          // Drafted tokens: a band, and a tree of them as a bias.
          p.mask = Mask::kCausal;
          EXPECT_TRUE(DefaultOf(p, threads).Is<RowsConfig>()) << ops::Describe(p);
        }
      }
    }
  }
}

// Of more rows a tile is faster, if all threads have one; only the keys of "rows" can be shared.
TEST(Heuristic, ManyRowsOfOneHeadShareTheKeysAmongThreads) {
  const auto algorithm = [](int64_t q_len, int threads, int64_t heads = 1) {
    const AttentionProblem p{.heads = heads, .kv_heads = heads, .q_len = q_len, .kv_len = 16384};
    return DefaultOf(p, threads).algorithm().name;
  };
  EXPECT_EQ(algorithm(32, 1), ops::kTiles.name);
  EXPECT_EQ(algorithm(32, 2), ops::kTiles.name);
  EXPECT_EQ(algorithm(32, 8), ops::kRows.name);
  EXPECT_EQ(algorithm(32, 8, 4), ops::kTiles.name);
  EXPECT_EQ(algorithm(512, 8), ops::kTiles.name);
}

TEST(Heuristic, NarrowTilesAsLongAsTheCachesHoldTheKeysTheyReadAgain) {
  Cpu cpu = CpuWith(Isa::kAvx512);
  cpu.l3_bytes = 32 << 20;
  const auto q_vecs = [&](int64_t kv_len, int dim, DType dtype = DType::kF32) {
    const AttentionProblem p = {
        .dtype = dtype, .q_len = 512, .kv_len = kv_len, .head_dim = dim, .value_dim = dim};
    const ops::Config config = ops::DefaultConfig(p, cpu, 1);
    EXPECT_TRUE(config.Is<TilesConfig>()) << ops::Describe(p);
    return config.Is<TilesConfig>() ? config.As<TilesConfig>().q_vecs : 0;
  };
  EXPECT_EQ(q_vecs(512, 64), 1);
  EXPECT_EQ(q_vecs(8192, 64), 1);
  EXPECT_EQ(q_vecs(8193, 64), 4);
  EXPECT_EQ(q_vecs(512, 128), 4);
  EXPECT_EQ(q_vecs(512, 64, DType::kF16), 1);
  cpu.avx512_bf16 = true;
  EXPECT_EQ(q_vecs(512, 64, DType::kBF16), 4) << "pairs";
}

// One kv head is cut into tasks for every thread.
TEST(Heuristic, KeysAreCutForAllThreads) {
  for (const int threads : {1, 2, 16}) {
    for (const int64_t kv_len : {4096, 65536}) {
      const ops::Config config =
          DefaultOf({.heads = 8, .kv_len = kv_len, .head_dim = 128, .value_dim = 128}, threads);
      ASSERT_TRUE(config.Is<RowsConfig>());
      const auto& c = config.As<RowsConfig>();
      ASSERT_EQ(c.threads, threads);
      EXPECT_GE(kv_len / (c.kv_split * c.kv_block), threads == 1 ? 1 : 4 * threads);
    }
  }
}

TEST(Heuristic, StoresPastTheCachesOnlyWhereTheyWouldNotHold) {
  const Cpu cpu = CpuWith(Isa::kAvx512);
  const auto non_temporal = [&](int64_t elements) {
    const ops::Config config =
        ops::DefaultConfig(SigmoidMulProblem{.rows = 1, .cols = elements}, cpu, 1);
    const auto& c = config.As<SigmoidMulConfig>();
    EXPECT_EQ(c.page_ahead > 0, elements * 8 > cpu.l2_bytes);
    return c.non_temporal;
  };
  EXPECT_EQ(non_temporal(cpu.l2_bytes / 4), 0);
  // Input and output of 4 bytes an element just fit, and do not.
  EXPECT_EQ(non_temporal(cpu.l3_bytes / 8), 0);
  EXPECT_EQ(non_temporal(cpu.l3_bytes / 8 + 1), 1);
}

}  // namespace
}  // namespace jitattn::runtime
