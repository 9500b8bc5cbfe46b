// Narrowed spaces: small enough, still holding the default, and made of what was asked for.

#include "runtime/space_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/tuning_space.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSubsetOf;

constexpr const ops::Operation* kAttentionOnly[] = {&ops::kAttention};
constexpr const ops::Operation* kBoth[] = {&ops::kAttention, &ops::kSigmoidMul};

Cpu CpuOf(Isa isa) {
  Cpu cpu;
  cpu.isa = cpu.detected_isa = isa;
  return cpu;
}

std::vector<double> ValuesOf(const search::Space& space, std::string_view name) {
  for (const search::Parameter& parameter : space.parameters()) {
    if (parameter.name == name) return parameter.values;
  }
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

TEST(SpaceLimitsTest, ASmallSpaceIsSmallAndHoldsTheDefault) {
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    for (const int64_t n : {16, 128, 1024, 4096}) {
      for (const DType dtype : {DType::kF32, DType::kF64}) {
        const ops::Problem problem = ops::AttentionProblem{
            .dtype = dtype, .q_len = n, .kv_len = n, .head_dim = 64, .value_dim = 64};
        SCOPED_TRACE(ops::Describe(problem) + " " + std::string(Name(isa)));
        const Cpu cpu = CpuOf(isa);
        const auto space = TuningSpace::Create(problem, cpu, 1, SmallSpace(ops::kAttention));
        ASSERT_TRUE(space.ok()) << space.status();
        EXPECT_GE(space->space().size(), 20);
        EXPECT_LE(space->space().size(), 2000);
        const ops::Config standing = ops::Canonical(ops::DefaultConfig(problem, cpu, 1), problem);
        EXPECT_EQ(space->ConfigAt(space->RankOf(standing)), standing);
        EXPECT_EQ(ValuesOf(space->space(), "prefetch").size(), 1u);
        // The algorithm is the default's.
        EXPECT_NE(space->space().parameters().front().name, "algorithm");
        if (standing.Is<jit::TilesConfig>()) {
          EXPECT_EQ(ValuesOf(space->space(), "pv").size(), 2u);
        }
      }
    }
  }
}

TEST(SpaceLimitsTest, LimitsTakeThePlaceOfALadder) {
  const ops::Problem problem =
      ops::AttentionProblem{.q_len = 512, .kv_len = 512, .head_dim = 64, .value_dim = 64};
  const Cpu cpu = CpuOf(Isa::kAvx512);
  SpaceLimits limits = SmallSpace(ops::kAttention);
  // 192 is off this space's own ladder, and 2 keys are fewer than fit.
  limits.fields.push_back({"kv_block", {192}});
  limits.fields.push_back({"qk_keys", {2, 3}});
  limits.fields.push_back({"threads", {2, 4, 8}});
  const auto space = TuningSpace::Create(problem, cpu, 4, limits);
  ASSERT_TRUE(space.ok()) << space.status();
  const auto standing = ops::DefaultConfig(problem, cpu, 4).As<jit::TilesConfig>();
  EXPECT_THAT(ValuesOf(space->space(), "kv_block"),
              IsSubsetOf({192.0, static_cast<double>(standing.kv_block)}));
  const std::vector<double> keys = ValuesOf(space->space(), "qk_keys");
  EXPECT_THAT(keys, IsSubsetOf({2.0, 3.0, static_cast<double>(standing.qk_keys)}));
  EXPECT_LE(ValuesOf(space->space(), "threads").back(), 4);  // the budget
  bool has_two = false;
  for (int rank = 0; rank < space->space().size(); ++rank) {
    has_two |= space->ConfigAt(rank).As<jit::TilesConfig>().qk_keys == 2;
  }
  EXPECT_TRUE(has_two);
}

TEST(SpaceLimitsTest, TheFirstOfANameCounts) {
  SpaceLimits limits;
  limits.fields = {{"vecs", {1}}, {"vecs", {2}}};
  EXPECT_THAT(limits.Find("vecs")->values, ElementsAre(1));
  EXPECT_EQ(limits.Find("unroll"), nullptr);
}

// The algorithms of the points; one parameter names them where there are several.
std::set<std::string_view> AlgorithmsOf(const ops::Problem& problem, const SpaceLimits& limits) {
  const auto space = TuningSpace::Create(problem, CpuOf(Isa::kAvx512), 1, limits);
  EXPECT_TRUE(space.ok()) << space.status();
  std::set<std::string_view> names;
  for (int rank = 0; rank < space->space().size(); ++rank) {
    names.insert(space->ConfigAt(rank).algorithm().name);
  }
  EXPECT_EQ(space->space().parameters().front().name == "algorithm", names.size() > 1);
  return names;
}

TEST(SpaceLimitsTest, AlgorithmsBesideTheDefaultsTakePartAsAllowed) {
  const ops::Problem few = ops::AttentionProblem{.kv_len = 512};
  const ops::Problem more = ops::AttentionProblem{.q_len = 100, .kv_len = 100};
  ASSERT_TRUE(ops::DefaultConfig(few, CpuOf(Isa::kAvx512), 1).Is<jit::RowsConfig>());
  ASSERT_TRUE(ops::DefaultConfig(more, CpuOf(Isa::kAvx512), 1).Is<jit::TilesConfig>());
  for (const ops::Problem& problem : {few, more}) {
    EXPECT_THAT(AlgorithmsOf(problem, {}), ElementsAre("rows", "tiles"));
    EXPECT_THAT(AlgorithmsOf(problem, {.algorithms = {"rows", "tiles"}}),
                ElementsAre("rows", "tiles"));
    EXPECT_THAT(AlgorithmsOf(problem, {.default_algorithm_only = true}).size(), 1);
  }
  EXPECT_THAT(AlgorithmsOf(few, {.algorithms = {"rows"}}), ElementsAre("rows"));
  EXPECT_THAT(AlgorithmsOf(more, {.algorithms = {"tiles"}}), ElementsAre("tiles"));
  // The default is a point of every space.
  EXPECT_THAT(AlgorithmsOf(few, {.algorithms = {"tiles"}}), ElementsAre("rows", "tiles"));
}

TEST(SpaceLimitsTest, Add) {
  SpaceLimits limits;
  ASSERT_TRUE(AddLimit("kv_block=128:64:128", kAttentionOnly, &limits).ok());
  ASSERT_EQ(limits.fields.size(), 1u);
  EXPECT_EQ(limits.fields[0].field, "kv_block");
  EXPECT_THAT(limits.fields[0].values, ElementsAre(64, 128));
  // Words and their numbers.
  ASSERT_TRUE(AddLimit("pv=pairs:natural:1", kAttentionOnly, &limits).ok());
  EXPECT_THAT(limits.Find("pv")->values, ElementsAre(0, 1, 2));
  ASSERT_TRUE(AddLimit("exp_degree=default:7", kAttentionOnly, &limits).ok());
  EXPECT_THAT(limits.Find("exp_degree")->values, ElementsAre(0, 7));
  // Of one algorithm alone; of another operation.
  EXPECT_TRUE(AddLimit("tile_rows=16", kAttentionOnly, &limits).ok());
  EXPECT_TRUE(AddLimit("vecs=1", kBoth, &limits).ok());
  EXPECT_TRUE(limits.algorithms.empty());
  ASSERT_TRUE(AddLimit("algorithm=rows", kAttentionOnly, &limits).ok());
  EXPECT_THAT(limits.algorithms, ElementsAre("rows"));
  EXPECT_TRUE(limits.Allows("rows"));
  EXPECT_FALSE(limits.Allows("tiles"));

  const SpaceLimits before = limits;
  const struct {
    std::string_view text;
    std::vector<std::string> data;
  } refused[] = {{"kv_block", {"FIELD=VALUE"}},
                 {"kv_block=", {"FIELD=VALUE"}},
                 {"=64", {"FIELD=VALUE"}},
                 {"kv_block=65", {"kv_block=65", "32", "64"}},
                 {"kv_block=64:", {"kv_block="}},
                 {"kv_block=64:x", {"kv_block=x"}},
                 {"pv=sideways", {"natural", "transposed", "pairs"}},
                 {"algorithm=columns", {"tiles", "rows", "portable"}},
                 {"algorithm=tiles:vectors", {"algorithm=vectors"}},
                 {"vecs=1", {"vecs", "algorithm", "q_vecs"}},
                 {"lanes=columns", {"lanes"}},
                 {"isa=1", {"isa", "--isa"}}};
  for (const auto& [text, data] : refused) {
    const absl::Status bad = AddLimit(text, kAttentionOnly, &limits);
    EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(bad.message()), Mentions(data)) << text;
  }
  EXPECT_EQ(limits.fields.size(), before.fields.size());
  EXPECT_EQ(limits.algorithms, before.algorithms);
}

TEST(KeepResultsInCaches, WhereTheyFitAndNothingElseIsAskedFor) {
  Cpu cpu = HostCpu();
  cpu.l3_bytes = 1 << 20;
  const ops::Problem small = ops::SigmoidMulProblem{.rows = 100, .cols = 1000};
  const ops::Problem large = ops::SigmoidMulProblem{.rows = 1000, .cols = 1000};
  auto limited = [&](const ops::Problem& problem, ops::Buffers buffers, SpaceLimits limits = {}) {
    KeepResultsInCaches(problem, cpu, buffers, &limits);
    const FieldLimit* limit = limits.Find("non_temporal");
    return limit != nullptr && limit->values.empty();
  };
  EXPECT_TRUE(limited(small, ops::Buffers::kHot));
  EXPECT_FALSE(limited(large, ops::Buffers::kHot));
  EXPECT_FALSE(limited(small, ops::Buffers::kCold));
  EXPECT_FALSE(limited(small, ops::Buffers::kHot, {.fields = {{"non_temporal", {0, 1}}}}));
  EXPECT_FALSE(limited(ops::AttentionProblem{}, ops::Buffers::kHot));
}

}  // namespace
}  // namespace jitattn::runtime
