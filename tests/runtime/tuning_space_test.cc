// Spaces of real problems: valid, canonical, complete, and there and back again.

#include "runtime/tuning_space.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "runtime/estimate.h"
#include "runtime/heuristic.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {
namespace {

struct Case {
  std::string name;
  jit::Problem problem;
  jit::Cpu cpu;
  int threads;
};

jit::Cpu CpuOf(jit::Isa isa) {
  jit::Cpu cpu;  // not this machine's: nothing is emitted here
  cpu.isa = cpu.detected_isa = isa;
  return cpu;
}

// Every described CPU, with two kinds of problems of every type.
std::vector<Case> CasesOfEveryCpu() {
  std::vector<Case> cases;
  for (const jit::testing::DescribedCpu& described : jit::testing::DescribedCpus()) {
    for (const jit::DType dtype :
         {jit::DType::kF32, jit::DType::kF64, jit::DType::kBF16, jit::DType::kF16}) {
      const std::string name = described.name + "_" + std::string(jit::Name(dtype));
      const jit::AttentionProblem decode = {.dtype = dtype, .heads = 8, .q_len = 2, .kv_len = 500};
      cases.push_back({"decode_" + name, decode, described.cpu, 2});
      const jit::SigmoidMulProblem silu = {.dtype = dtype, .rows = 100, .cols = 90};
      cases.push_back({"silu_" + name, silu, described.cpu, 2});
    }
  }
  return cases;
}

class TuningSpaces : public testing::TestWithParam<Case> {};

TEST_P(TuningSpaces, EveryPointIsValidCanonicalAndItself) {
  const auto& [name, problem, cpu, threads] = GetParam();
  const auto space = TuningSpace::Create(problem, cpu, threads);
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_LE(space->space().size(), TuningSpace::kMaxPoints);
  const jit::Spec spec = jit::SpecOf(problem);
  const jit::DType dtype = std::visit([](const auto& s) { return s.dtype; }, spec);
  const jit::Isa isa = jit::testing::HasKernels(cpu, dtype) ? cpu.isa : jit::Isa::kPortable;
  std::set<std::string> seen;
  const int step = std::max(1, space->space().size() / 2000);
  for (int rank = 0; rank < space->space().size(); rank += step) {
    const jit::Config config = space->ConfigAt(rank);
    ASSERT_TRUE(jit::Validate(config, spec, cpu).ok()) << jit::ToString(config);
    ASSERT_EQ(jit::Canonical(config, spec), config) << jit::ToString(config);
    ASSERT_EQ(space->RankOf(config), rank) << jit::ToString(config);
    ASSERT_GT(EstimateCycles(problem, config, cpu), 0) << jit::ToString(config);
    EXPECT_TRUE(seen.insert(jit::ToString(config)).second) << "twice: " << jit::ToString(config);
    std::visit(
        [&](const auto& c) {
          EXPECT_EQ(c.isa, isa);
          EXPECT_GE(c.threads, 1);
          EXPECT_LE(c.threads, GetParam().threads);
        },
        config);
  }
}

TEST_P(TuningSpaces, TheDefaultIsAPoint) {
  const auto& [name, problem, cpu, threads] = GetParam();
  const auto space = TuningSpace::Create(problem, cpu, threads);
  ASSERT_TRUE(space.ok()) << space.status();
  const jit::Config config =
      jit::Canonical(DefaultConfig(problem, cpu, threads), jit::SpecOf(problem));
  EXPECT_EQ(jit::ToString(space->ConfigAt(space->RankOf(config))), jit::ToString(config));
}

jit::AttentionProblem Square(int64_t n, jit::DType dtype = jit::DType::kF32,
                             jit::Mask mask = jit::Mask::kNone) {
  return {.dtype = dtype, .mask = mask, .q_len = n, .kv_len = n, .head_dim = n, .value_dim = n};
}

INSTANTIATE_TEST_SUITE_P(
    All, TuningSpaces,
    testing::Values(Case{"f32_64_avx512", Square(64), CpuOf(jit::Isa::kAvx512), 1},
                    Case{"f32_1024_avx512", Square(1024), CpuOf(jit::Isa::kAvx512), 6},
                    Case{"f64_400_avx2", Square(400, jit::DType::kF64), CpuOf(jit::Isa::kAvx2), 2},
                    Case{"causal_avx2", Square(128, jit::DType::kF32, jit::Mask::kCausal),
                         CpuOf(jit::Isa::kAvx2), 3},
                    Case{"decode",
                         jit::AttentionProblem{
                             .q_len = 1, .kv_len = 4096, .head_dim = 128, .value_dim = 128},
                         CpuOf(jit::Isa::kAvx512), 2},
                    Case{"size_one", Square(1), CpuOf(jit::Isa::kAvx512), 2},
                    Case{"portable", Square(64), CpuOf(jit::Isa::kPortable), 2},
                    Case{"silu_f32", jit::SigmoidMulProblem{.rows = 64, .cols = 64},
                         CpuOf(jit::Isa::kAvx512), 5},
                    Case{"silu_f64_avx2",
                         jit::SigmoidMulProblem{.dtype = jit::DType::kF64, .rows = 9, .cols = 7},
                         CpuOf(jit::Isa::kAvx2), 1}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(OfEveryCpu, TuningSpaces, testing::ValuesIn(CasesOfEveryCpu()),
                         [](const auto& info) { return info.param.name; });

TEST(TuningSpace, ThreadsAreTheLadderAndTheBudget) {
  const auto space = TuningSpace::Create(jit::SigmoidMulProblem{.rows = 4096, .cols = 4096},
                                         CpuOf(jit::Isa::kAvx2), 6);
  ASSERT_TRUE(space.ok());
  EXPECT_EQ(space->space().parameters().back().name, "threads");
  EXPECT_EQ(space->space().parameters().back().values, (std::vector<double>{1, 2, 4, 6}));
}

TEST(TuningSpace, AConfigOffTheLaddersFindsItsNeighbour) {
  const jit::Problem problem = Square(512);
  // Small enough to be whole: of a larger space only what is estimated to be fast is kept.
  const auto space =
      TuningSpace::Create(problem, CpuOf(jit::Isa::kAvx512), 4, SmallSpace(jit::Op::kAttention));
  ASSERT_TRUE(space.ok());
  // Of a point: the default's own values may be of no other.
  jit::AttentionConfig config;
  for (int rank = 0; config.kv_block != 256 || config.threads != 2; ++rank) {
    ASSERT_LT(rank, space->space().size());
    config = std::get<jit::AttentionConfig>(space->ConfigAt(rank));
  }
  config.kv_block = 192;  // between 128 and 256
  config.threads = 3;
  const auto near =
      std::get<jit::AttentionConfig>(space->ConfigAt(space->RankOf(jit::Config(config))));
  EXPECT_EQ(near.q_vecs, config.q_vecs);
  EXPECT_TRUE(near.kv_block == 128 || near.kv_block == 256) << near.kv_block;
  EXPECT_TRUE(near.threads == 2 || near.threads == 4) << near.threads;
}

TEST(TuningSpace, BlocksBeyondTheProblemAreLeftOut) {
  const jit::AttentionProblem problem{.q_len = 20, .kv_len = 100, .head_dim = 64, .value_dim = 64};
  const auto space = TuningSpace::Create(problem, CpuOf(jit::Isa::kAvx512), 1);
  ASSERT_TRUE(space.ok());
  const auto base =
      std::get<jit::AttentionConfig>(DefaultConfig(problem, CpuOf(jit::Isa::kAvx512), 1));
  for (int rank = 0; rank < space->space().size(); ++rank) {
    const auto config = std::get<jit::AttentionConfig>(space->ConfigAt(rank));
    // 20 queries fill two vectors of floats; the default's own tile is a point all the same.
    EXPECT_TRUE(config.lanes == jit::LaneAxis::kColumns || config.q_vecs <= 2 ||
                config.q_vecs == base.q_vecs)
        << config.q_vecs;
    EXPECT_LE(config.kv_block, 128);
  }
}

TEST(TuningSpace, FewRowsHaveBothKindsOfLanesAndManyOne) {
  for (const int64_t q_len : {1, 48}) {  // 8 and 384 rows to a kv head
    const auto space = TuningSpace::Create(
        jit::AttentionProblem{.heads = 16, .kv_heads = 2, .q_len = q_len, .kv_len = 4096},
        CpuOf(jit::Isa::kAvx512), 2);
    ASSERT_TRUE(space.ok()) << space.status();
    std::set<jit::LaneAxis> lanes;
    std::set<int> tiles;
    for (int rank = 0; rank < space->space().size(); ++rank) {
      const auto config = std::get<jit::AttentionConfig>(space->ConfigAt(rank));
      lanes.insert(config.lanes);
      if (config.lanes == jit::LaneAxis::kColumns) tiles.insert(config.q_vecs);
    }
    EXPECT_EQ(lanes.size(), q_len == 1 ? 2u : 1u);
    if (q_len == 1) {
      EXPECT_EQ(*tiles.rbegin(), 8);
    }
  }
}

}  // namespace
}  // namespace jitattn::runtime
