// Narrowed spaces: small enough, still holding the default, and made of what was asked for.

#include "runtime/space_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/heuristic.h"
#include "runtime/tuning_space.h"

namespace jitattn::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

constexpr jit::Op kAttentionOnly[] = {jit::Op::kAttention};
constexpr jit::Op kBoth[] = {jit::Op::kAttention, jit::Op::kSigmoidMul};

jit::Cpu CpuOf(jit::Isa isa) {
  jit::Cpu cpu;
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
  for (const jit::Isa isa : {jit::Isa::kAvx2, jit::Isa::kAvx512}) {
    for (const int64_t n : {16, 128, 1024, 4096}) {
      for (const jit::DType dtype : {jit::DType::kF32, jit::DType::kF64}) {
        const jit::Problem problem = jit::AttentionProblem{
            .dtype = dtype, .q_len = n, .kv_len = n, .head_dim = 64, .value_dim = 64};
        SCOPED_TRACE(jit::Describe(problem) + " " + std::string(jit::Name(isa)));
        const jit::Cpu cpu = CpuOf(isa);
        const auto space = TuningSpace::Create(problem, cpu, 1, SmallSpace(jit::Op::kAttention));
        ASSERT_TRUE(space.ok()) << space.status();
        EXPECT_GE(space->space().size(), 20);
        EXPECT_LE(space->space().size(), 2000);
        const jit::Config standing =
            jit::Canonical(DefaultConfig(problem, cpu, 1), jit::SpecOf(problem));
        EXPECT_EQ(space->ConfigAt(space->RankOf(standing)), standing);
        EXPECT_EQ(ValuesOf(space->space(), "prefetch").size(), 1u);
        EXPECT_EQ(ValuesOf(space->space(), "pv_form").size(), 2u);
      }
    }
  }
}

TEST(SpaceLimitsTest, LimitsTakeThePlaceOfALadder) {
  const jit::Problem problem =
      jit::AttentionProblem{.q_len = 512, .kv_len = 512, .head_dim = 64, .value_dim = 64};
  const jit::Cpu cpu = CpuOf(jit::Isa::kAvx512);
  SpaceLimits limits = SmallSpace(jit::Op::kAttention);
  // 192 is off this space's own ladder, and 2 keys are fewer than fit.
  limits.fields.push_back({"kv_block", {192}});
  limits.fields.push_back({"qk_keys", {2, 3}});
  limits.fields.push_back({"threads", {2, 4, 8}});
  const auto space = TuningSpace::Create(problem, cpu, 4, limits);
  ASSERT_TRUE(space.ok()) << space.status();
  const auto standing = std::get<jit::AttentionConfig>(DefaultConfig(problem, cpu, 4));
  EXPECT_THAT(ValuesOf(space->space(), "kv_block"),
              IsSubsetOf({192.0, static_cast<double>(standing.kv_block)}));
  const std::vector<double> keys = ValuesOf(space->space(), "qk_keys");
  EXPECT_THAT(keys, IsSubsetOf({2.0, 3.0, static_cast<double>(standing.qk_keys)}));
  EXPECT_LE(ValuesOf(space->space(), "threads").back(), 4);  // the budget
  bool has_two = false;
  for (int rank = 0; rank < space->space().size(); ++rank) {
    has_two |= std::get<jit::AttentionConfig>(space->ConfigAt(rank)).qk_keys == 2;
  }
  EXPECT_TRUE(has_two);
}

TEST(SpaceLimitsTest, TheFirstOfANameCounts) {
  SpaceLimits limits;
  limits.fields = {{"vecs", {1}}, {"vecs", {2}}};
  EXPECT_THAT(limits.Find("vecs")->values, ElementsAre(1));
  EXPECT_EQ(limits.Find("unroll"), nullptr);
}

TEST(SpaceLimitsTest, Parse) {
  const auto limit = ParseFieldLimit("kv_block=128:64:128", kAttentionOnly);
  ASSERT_TRUE(limit.ok()) << limit.status();
  EXPECT_EQ(limit->field, "kv_block");
  EXPECT_THAT(limit->values, ElementsAre(64, 128));
  EXPECT_TRUE(ParseFieldLimit("vecs=1", kBoth).ok());
  const struct {
    std::string_view text, message;
  } refused[] = {{"kv_block", "FIELD=VALUE"},
                 {"kv_block=", "FIELD=VALUE"},
                 {"=64", "FIELD=VALUE"},
                 {"kv_block=65", "kv_block=65: its values are 32, 64, "},
                 {"kv_block=64:", "kv_block=: its values are"},
                 {"kv_block=64:x", "kv_block=x: its values are"},
                 {"vecs=1", "no field is called 'vecs'; there are lanes, q_vecs, "},
                 {"isa=1", "isa is chosen by --isa"}};
  for (const auto& [text, message] : refused) {
    const auto bad = ParseFieldLimit(text, kAttentionOnly);
    EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(bad.status().message(), HasSubstr(message)) << text;
  }
}

TEST(KeepResultsInCaches, WhereTheyFitAndNothingElseIsAskedFor) {
  jit::Cpu cpu = jit::HostCpu();
  cpu.l3_bytes = 1 << 20;
  const jit::Problem small = jit::SigmoidMulProblem{.rows = 100, .cols = 1000};
  const jit::Problem large = jit::SigmoidMulProblem{.rows = 1000, .cols = 1000};
  auto limited = [&](const jit::Problem& problem, cache::Buffers buffers, SpaceLimits limits = {}) {
    KeepResultsInCaches(problem, cpu, buffers, &limits);
    const FieldLimit* limit = limits.Find("non_temporal");
    return limit != nullptr && limit->values.empty();
  };
  EXPECT_TRUE(limited(small, cache::Buffers::kHot));
  EXPECT_FALSE(limited(large, cache::Buffers::kHot));
  EXPECT_FALSE(limited(small, cache::Buffers::kCold));
  EXPECT_FALSE(limited(small, cache::Buffers::kHot, {.fields = {{"non_temporal", {0, 1}}}}));
  EXPECT_FALSE(limited(jit::AttentionProblem{}, cache::Buffers::kHot));
}

}  // namespace
}  // namespace jitattn::runtime
