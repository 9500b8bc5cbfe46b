// Objectives and constraints as they are typed.

#include "cli/goal_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using runtime::Objective;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(GoalFlagsTest, Sizes) {
  EXPECT_EQ(ParseBytes("0"), 0);
  EXPECT_EQ(ParseBytes("1000"), 1000);
  EXPECT_EQ(ParseBytes("300K"), 300 * 1024);
  EXPECT_EQ(ParseBytes("1.5M"), 1.5 * 1024 * 1024);
  EXPECT_EQ(ParseBytes("2G"), 2.0 * (1 << 30));
  for (const char* bad : {"", "K", "-1", "1k", "1KB", "1e3", "nan", "inf", "0x10", " 1", "1.2.3"}) {
    EXPECT_FALSE(ParseBytes(bad)) << bad;
  }
}

TEST(GoalFlagsTest, TimeLeadsWhateverTheOrder) {
  runtime::TuneOptions options;
  ASSERT_TRUE(GoalFlags({.objectives = {"error", "time", "memory"}}).Fill(&options).ok());
  EXPECT_THAT(options.objectives,
              ElementsAre(Objective::kTime, Objective::kError, Objective::kMemory));
  EXPECT_THAT(GoalFlags{.objectives = {"memory"}}.Fill(&options).message(),
              Mentions({"--objective", "time"}));
  EXPECT_THAT(GoalFlags({.objectives = {"time", "time"}}).Fill(&options).message(),
              Mentions({"--objective", "time"}));
}

TEST(GoalFlagsTest, ConstraintsAreInfiniteUnlessGiven) {
  runtime::TuneOptions options;
  ASSERT_TRUE(GoalFlags{}.Fill(&options).ok());
  EXPECT_EQ(options.constraints.Broken({.max_error = 1e9, .scratch_bytes = 1 << 30}), "");
  ASSERT_TRUE((GoalFlags{.max_error = 1e-6, .max_memory = "4K"}.Fill(&options).ok()));
  EXPECT_EQ(options.constraints.max_error, 1e-6);
  EXPECT_EQ(options.constraints.max_scratch_bytes, 4096);
}

}  // namespace
}  // namespace jitattn::cli
