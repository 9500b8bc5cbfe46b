// The spaces recorded with this project: readable, sound, and the default strategy ahead of chance
// on those that no strategy was set on. tests/data/spaces/README.md tells the split.

#include "tests/search/recorded_spaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "lab/replay/recording.h"
#include "lab/replay/replay.h"
#include "search/strategy.h"

namespace jitattn::search {
namespace {

namespace fs = std::filesystem;

TEST(RecordedSpacesTest, EveryFileIsForSettingOrForJudgingAndNotForBoth) {
  const std::set<std::string> setting = ListedSpaces("For setting"),
                              judging = ListedSpaces("For judging");
  EXPECT_GE(setting.size(), 4u);
  EXPECT_GE(judging.size(), 5u);
  std::set<std::string> files, listed = setting;
  listed.insert(judging.begin(), judging.end());
  EXPECT_EQ(listed.size(), setting.size() + judging.size());
  for (const auto& entry : fs::directory_iterator(SpacesFolder())) {
    if (entry.path().extension() == ".json") files.insert(entry.path().filename());
  }
  EXPECT_EQ(files, listed);
}

TEST(RecordedSpacesTest, EveryFileIsWholeAndSound) {
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(SpacesFolder())) {
    if (entry.path().extension() != ".json") continue;
    SCOPED_TRACE(entry.path().filename());
    bytes += static_cast<int64_t>(entry.file_size());
    const lab::Recording recording = LoadSpace(entry.path().filename());
    ASSERT_GE(recording.space.size(), 200);
    ASSERT_LE(recording.space.size(), 1000);
    EXPECT_GE(recording.space.dimensions(), 3);
    EXPECT_FALSE(recording.device.empty());
    EXPECT_FALSE(recording.kernel.empty());
    for (const lab::RecordedPoint& point : recording.points) {
      ASSERT_FALSE(point.failed()) << point.error;  // the space holds what Validate allows
      ASSERT_FALSE(point.samples.empty());
      ASSERT_LE(point.samples.size(), 7u);
      ASSERT_GT(point.compile_seconds, 0);
    }
    const auto space = lab::ReplaySpace::Create(recording);
    ASSERT_TRUE(space.ok()) << space.status();
    EXPECT_GT(space->optimum(), 1e-7);
    EXPECT_GT(space->worst(), 1.2 * space->optimum());  // there is something to be found
    // Written again, it is the same recording.
    const auto again = lab::ReadRecording(lab::WriteKernelTunerCache(recording));
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(again->space.size(), recording.space.size());
    for (int rank = 0; rank < recording.space.size(); ++rank) {
      ASSERT_DOUBLE_EQ(again->points[rank].cost, recording.points[rank].cost);
    }
  }
  EXPECT_LT(bytes, 2 << 20);
}

TEST(RecordedSpacesTest, TheDefaultStrategyIsAheadOfChanceWhereItWasNotSet) {
  constexpr uint64_t kSeed = 20;
  double score = 0;
  const std::set<std::string> names = ListedSpaces("For judging");
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const lab::Recording recording = LoadSpace(name);
    const auto space = lab::ReplaySpace::Create(recording);
    ASSERT_TRUE(space.ok()) << space.status();
    const lab::ReplayOptions options = {.repeats = 20, .seed = kSeed};
    const auto at18 = lab::ReplayAtBudget(*space, DefaultStrategy(), 18, options);
    const auto at36 = lab::ReplayAtBudget(*space, DefaultStrategy(), 36, options);
    ASSERT_TRUE(at18.ok() && at36.ok());
    // The median repeat is within 5 % of the optimum after 18 evaluations.
    EXPECT_GT(at18->within_5_percent, 0.5);
    EXPECT_GT(at36->score, 0);
    score += at36->score / static_cast<double>(names.size());
  }
  EXPECT_GT(score, 0.4);
}

}  // namespace
}  // namespace jitattn::search
