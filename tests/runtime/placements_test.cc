// Each round of a race elsewhere in memory.

#include "runtime/placements.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"

namespace jitattn::runtime {
namespace {

const ops::Problem kProblem =
    ops::AttentionProblem{.q_len = 33, .kv_len = 40, .head_dim = 16, .value_dim = 24};

TEST(Placements, AreAllElsewhereEvenWhenTheyAreNoLongerUsed) {
  const MeasureOptions options{.conditions = {.threads = 2}};
  auto operands = Operands::Create(kProblem, options.conditions, 1);
  ASSERT_TRUE(operands.ok());
  Placements placements(kProblem, HostCpu(), options, **operands);
  const std::vector<ops::Config> configs(2, ops::DefaultConfig(kProblem, HostCpu(), 2));
  std::set<const void*> places = {(*operands)->array(0)}, plans;
  for (int i = 0; i < 20; ++i) {
    const auto next = placements.Next(configs);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_TRUE(places.insert(next->operands->array(0)).second) << i;
    ASSERT_EQ(next->plans.size(), 2u);
    for (const auto& plan : next->plans) {
      EXPECT_TRUE(plans.insert(plan.get()).second) << i;
      EXPECT_TRUE(next->operands->Run(*plan, 0).ok());
    }
  }
}

TEST(Placements, ColdOperandsAreManyPlacesAlready) {
  const MeasureOptions options{.conditions = {.buffers = ops::Buffers::kCold}};
  auto operands = Operands::Create(kProblem, options.conditions, 1);
  ASSERT_TRUE(operands.ok());
  Placements placements(kProblem, HostCpu(), options, **operands);
  const std::vector<ops::Config> configs(1, ops::DefaultConfig(kProblem, HostCpu(), 1));
  const auto next = placements.Next(configs);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->operands.get(), operands->get());
}

TEST(Placements, SayWhatDoesNotCompile) {
  auto operands = Operands::Create(kProblem, {}, 1);
  ASSERT_TRUE(operands.ok());
  const MeasureOptions options;
  Placements placements(kProblem, HostCpu(), options, **operands);
  const std::vector<ops::Config> configs(1, jit::TilesConfig{.q_vecs = 77});
  EXPECT_FALSE(placements.Next(configs).ok());
}

}  // namespace
}  // namespace jitattn::runtime
