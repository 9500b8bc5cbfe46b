// Spaces of real problems are valid, canonical and complete, and ranks convert both ways.

#include "runtime/tuning_space.h"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {
namespace {

struct Case {
  std::string name;
  ops::Problem problem;
  Cpu cpu;
  int threads;
};

Cpu CpuOf(Isa isa) {
  Cpu cpu;  // not this machine's: nothing is emitted here
  cpu.isa = cpu.detected_isa = isa;
  return cpu;
}

// Every described CPU, with two kinds of problems of every type.
std::vector<Case> CasesOfEveryCpu() {
  std::vector<Case> cases;
  for (const jit::testing::DescribedCpu& described : jit::testing::DescribedCpus()) {
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      const std::string name = described.name + "_" + std::string(Name(dtype));
      const ops::AttentionProblem decode = {.dtype = dtype, .heads = 8, .q_len = 2, .kv_len = 500};
      cases.push_back({"decode_" + name, decode, described.cpu, 2});
      const ops::SigmoidMulProblem silu = {.dtype = dtype, .rows = 100, .cols = 90};
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
  const Isa isa = jit::testing::HasKernels(cpu, problem.dtype()) ? cpu.isa : Isa::kPortable;
  std::set<std::string> seen;
  const int step = std::max(1, space->space().size() / 2000);
  for (int rank = 0; rank < space->space().size(); rank += step) {
    const ops::Config config = space->ConfigAt(rank);
    ASSERT_TRUE(ops::Validate(config, problem, cpu).ok()) << ops::ToString(config);
    ASSERT_EQ(ops::Canonical(config, problem), config) << ops::ToString(config);
    ASSERT_EQ(space->RankOf(config), rank) << ops::ToString(config);
    ASSERT_GT(ops::EstimateCycles(problem, config, cpu), 0) << ops::ToString(config);
    EXPECT_TRUE(seen.insert(ops::ToString(config)).second) << "twice: " << ops::ToString(config);
    EXPECT_EQ(config.isa(), isa);
    EXPECT_GE(config.threads(), 1);
    EXPECT_LE(config.threads(), threads);
  }
}

TEST_P(TuningSpaces, TheDefaultIsAPoint) {
  const auto& [name, problem, cpu, threads] = GetParam();
  const auto space = TuningSpace::Create(problem, cpu, threads);
  ASSERT_TRUE(space.ok()) << space.status();
  const ops::Config config = ops::Canonical(ops::DefaultConfig(problem, cpu, threads), problem);
  EXPECT_EQ(ops::ToString(space->ConfigAt(space->RankOf(config))), ops::ToString(config));
}

ops::AttentionProblem Square(int64_t n, DType dtype = DType::kF32,
                             jit::Mask mask = jit::Mask::kNone) {
  return {.dtype = dtype, .mask = mask, .q_len = n, .kv_len = n, .head_dim = n, .value_dim = n};
}

INSTANTIATE_TEST_SUITE_P(
    All, TuningSpaces,
    testing::Values(
        Case{"f32_64_avx512", Square(64), CpuOf(Isa::kAvx512), 1},
        Case{"f32_1024_avx512", Square(1024), CpuOf(Isa::kAvx512), 6},
        Case{"f64_400_avx2", Square(400, DType::kF64), CpuOf(Isa::kAvx2), 2},
        Case{"causal_avx2", Square(128, DType::kF32, jit::Mask::kCausal), CpuOf(Isa::kAvx2), 3},
        Case{"decode",
             ops::AttentionProblem{.q_len = 1, .kv_len = 4096, .head_dim = 128, .value_dim = 128},
             CpuOf(Isa::kAvx512), 2},
        Case{"size_one", Square(1), CpuOf(Isa::kAvx512), 2},
        Case{"portable", Square(64), CpuOf(Isa::kPortable), 2},
        Case{"silu_f32", ops::SigmoidMulProblem{.rows = 64, .cols = 64}, CpuOf(Isa::kAvx512), 5},
        Case{"silu_f64_avx2", ops::SigmoidMulProblem{.dtype = DType::kF64, .rows = 9, .cols = 7},
             CpuOf(Isa::kAvx2), 1}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(OfEveryCpu, TuningSpaces, testing::ValuesIn(CasesOfEveryCpu()),
                         [](const auto& info) { return info.param.name; });

TEST(TuningSpace, ThreadsAreTheLadderAndTheBudget) {
  const auto space =
      TuningSpace::Create(ops::SigmoidMulProblem{.rows = 4096, .cols = 4096}, CpuOf(Isa::kAvx2), 6);
  ASSERT_TRUE(space.ok());
  EXPECT_EQ(space->space().parameters().back().name, "threads");
  EXPECT_EQ(space->space().parameters().back().values, (std::vector<double>{1, 2, 4, 6}));
}

TEST(TuningSpace, AConfigOffTheLaddersFindsItsNeighbour) {
  const ops::Problem problem = Square(512);
  // Small enough to be whole: of a larger space only what is estimated to be fast is kept.
  const auto space =
      TuningSpace::Create(problem, CpuOf(Isa::kAvx512), 4, SmallSpace(ops::kAttention));
  ASSERT_TRUE(space.ok());
  // Of a point: the default's own values may be of no other.
  jit::TilesConfig config;
  for (int rank = 0; config.kv_block != 256 || config.threads != 2; ++rank) {
    ASSERT_LT(rank, space->space().size());
    config = space->ConfigAt(rank).As<jit::TilesConfig>();
  }
  config.kv_block = 192;  // between 128 and 256
  config.threads = 3;
  const auto near = space->ConfigAt(space->RankOf(config)).As<jit::TilesConfig>();
  EXPECT_EQ(near.q_vecs, config.q_vecs);
  EXPECT_TRUE(near.kv_block == 128 || near.kv_block == 256) << near.kv_block;
  EXPECT_TRUE(near.threads == 2 || near.threads == 4) << near.threads;
}

TEST(TuningSpace, BlocksBeyondTheProblemAreLeftOut) {
  const ops::AttentionProblem problem{.q_len = 20, .kv_len = 100, .head_dim = 64, .value_dim = 64};
  const auto space = TuningSpace::Create(problem, CpuOf(Isa::kAvx512), 1);
  ASSERT_TRUE(space.ok());
  const ops::Config base = ops::TilesHeuristic(problem, CpuOf(Isa::kAvx512), 1);
  const int base_vecs = base.As<jit::TilesConfig>().q_vecs;
  int tiles = 0, rows = 0;
  for (int rank = 0; rank < space->space().size(); ++rank) {
    const ops::Config config = space->ConfigAt(rank);
    if (const auto* c = config.If<jit::TilesConfig>()) {
      // 20 queries fill two vectors of floats; the best guess's own tile is a point all the same.
      EXPECT_TRUE(c->q_vecs <= 2 || c->q_vecs == base_vecs) << c->q_vecs;
      EXPECT_LE(c->kv_block, 128);
      ++tiles;
    } else {
      ASSERT_TRUE(config.Is<jit::RowsConfig>());
      EXPECT_LE(config.As<jit::RowsConfig>().tile_rows, 16);
      EXPECT_LE(config.As<jit::RowsConfig>().kv_block, 128);
      ++rows;
    }
  }
  EXPECT_GT(tiles, 0);
  EXPECT_GT(rows, 0);
}

TEST(TuningSpace, FewRowsHaveBothAlgorithmsAndManyOne) {
  for (const int64_t q_len : {1, 48}) {  // 8 and 384 rows to a kv head
    const auto space = TuningSpace::Create(
        ops::AttentionProblem{.heads = 16, .kv_heads = 2, .q_len = q_len, .kv_len = 4096},
        CpuOf(Isa::kAvx512), 2);
    ASSERT_TRUE(space.ok()) << space.status();
    std::set<std::string_view> algorithms;
    std::set<int> tile_rows;
    for (int rank = 0; rank < space->space().size(); ++rank) {
      const ops::Config config = space->ConfigAt(rank);
      algorithms.insert(config.algorithm().name);
      if (const auto* rows = config.If<jit::RowsConfig>()) tile_rows.insert(rows->tile_rows);
    }
    const search::Parameter& first = space->space().parameters().front();
    if (q_len == 1) {
      EXPECT_EQ(algorithms, (std::set<std::string_view>{ops::kRows.name, ops::kTiles.name}));
      EXPECT_EQ(*tile_rows.rbegin(), 8);
      EXPECT_EQ(first.name, "algorithm");
      EXPECT_EQ(first.kind, search::Parameter::Kind::kCategorical);
      EXPECT_EQ(first.labels, (std::vector<std::string>{"rows", "tiles"}));
    } else {
      EXPECT_EQ(algorithms, std::set<std::string_view>{ops::kTiles.name});
      EXPECT_NE(first.name, "algorithm");
    }
  }
}

// A parameter for which an algorithm has no field has its lowest value.
TEST(TuningSpace, FieldsOfOneNameAreOneParameter) {
  const auto space =
      TuningSpace::Create(ops::AttentionProblem{.kv_len = 512}, CpuOf(Isa::kAvx512), 2);
  ASSERT_TRUE(space.ok()) << space.status();
  std::set<std::string> names;
  for (const search::Parameter& parameter : space->space().parameters()) {
    EXPECT_TRUE(names.insert(parameter.name).second) << parameter.name;
  }
  for (const ops::Algorithm* algorithm : {&ops::kTiles, &ops::kRows}) {
    for (const ops::Field& field : algorithm->fields) {
      EXPECT_TRUE(names.contains(std::string(field.name))) << field.name;
    }
  }
  for (int rank = 0; rank < space->space().size(); ++rank) {
    const ops::Algorithm& algorithm = space->ConfigAt(rank).algorithm();
    const std::span<const int> point = space->space().Row(rank);
    for (size_t p = 1; p < point.size(); ++p) {
      const std::string& name = space->space().parameters()[p].name;
      if (ops::FindField(algorithm, name) == nullptr) {
        ASSERT_EQ(point[p], 0) << name;
      }
    }
  }
}

}  // namespace
}  // namespace jitattn::runtime
