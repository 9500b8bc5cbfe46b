// The order of the layers.

#include "cache/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A record that can be told from others of its key.
Record Marked(const ops::Problem& problem, const std::string& mark) {
  Record record = TestRecord(problem);
  record.result.strategy = mark;
  return record;
}

std::string MarkOf(const Lookup& lookup) {
  return lookup.found ? lookup.found->record.result.strategy : "";
}

class LayersTest : public ::testing::Test {
 protected:
  void Write(const std::string& root, const Record& record) {
    const auto path = Store(root, TestCpu(), TestHost()).Put(record);
    ASSERT_TRUE(path.ok()) << path.status();
  }

  TemporaryFolder user_, system_;
  Layers layers_{TestCpu(), {user_.path(), system_.path()}};
  const ops::Problem problem_ = Attention(1024, 1024);
  const Key key_ = TestRecord(problem_).key;
};

TEST_F(LayersTest, NothingIsNoMatch) {
  const Lookup lookup = layers_.Find(key_);
  EXPECT_EQ(lookup.match, Match::kNone);
  EXPECT_FALSE(lookup.found);
  EXPECT_THAT(lookup.rejected, IsEmpty());
}

TEST_F(LayersTest, TheFirstLayerThatHasItWins) {
  Write(system_.path(), Marked(problem_, "system"));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "system");
  Write(user_.path(), Marked(problem_, "user"));
  const Lookup lookup = layers_.Find(key_);
  EXPECT_EQ(MarkOf(lookup), "user");
  EXPECT_EQ(lookup.match, Match::kExact);
  EXPECT_EQ(lookup.found->path, layers_.stores()[0].PathOf(key_));
}

TEST_F(LayersTest, ExactInALaterLayerBeatsNearInAnEarlierOne) {
  Write(user_.path(), Marked(Attention(512, 1024), "near"));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "near");
  EXPECT_EQ(layers_.Find(key_).match, Match::kNearest);
  Write(system_.path(), Marked(problem_, "exact"));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "exact");
}

TEST_F(LayersTest, TheNearestOfAllLayersWinsATieTheEarlier) {
  Write(user_.path(), Marked(Attention(512, 512), "user"));
  Write(system_.path(), Marked(Attention(512, 1024), "system"));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "system");
  Write(user_.path(), Marked(Attention(1024, 512), "user"));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "user");
}

TEST_F(LayersTest, ABadRecordIsAMissWithAReason) {
  const std::string path = layers_.stores()[0].PathOf(key_);
  WriteText(path, "?");
  Write(system_.path(), Marked(problem_, "system"));
  Lookup lookup = layers_.Find(key_);
  EXPECT_EQ(MarkOf(lookup), "system");
  ASSERT_THAT(lookup.rejected, SizeIs(1));
  EXPECT_EQ(lookup.rejected[0].path, path);
  EXPECT_THAT(lookup.rejected[0].why, HasSubstr(path + ":1: "));

  ASSERT_TRUE(layers_.stores()[1].Remove(layers_.stores()[1].PathOf(key_)).ok());
  lookup = layers_.Find(key_);
  EXPECT_EQ(lookup.match, Match::kNone);
  EXPECT_THAT(lookup.rejected, SizeIs(1)) << "met twice, said once";
}

TEST_F(LayersTest, PutWritesToTheFirst) {
  const auto path = layers_.Put(Marked(problem_, "new"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_TRUE(path->starts_with(user_.path()));
  EXPECT_EQ(MarkOf(layers_.Find(key_)), "new");
  EXPECT_THAT(AllNames(system_.path()), IsEmpty());
  EXPECT_EQ(Layers(TestCpu(), {}).Put(TestRecord()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Layers, DefaultsAreTheUsersThenTheSystems) {
  ScopedEnv dir("JITATTN_CACHE_DIR", "/somewhere");
  const Layers layers = Layers::Default(TestCpu());
  ASSERT_THAT(layers.stores(), SizeIs(3));
  EXPECT_EQ(layers.stores()[0].root(), "/somewhere");
  EXPECT_EQ(layers.stores()[1].root(), "/etc/jitattn");
  EXPECT_EQ(layers.stores()[2].root(), "/usr/share/jitattn");
  EXPECT_EQ(FolderName(layers.host()), "amd-25-17-avx512");
}

TEST(Layers, WithoutAHomeNothingIsWrittenToTheSystems) {
  ScopedEnv dir("JITATTN_CACHE_DIR", std::nullopt), xdg("XDG_CACHE_HOME", std::nullopt),
      home("HOME", std::nullopt);
  const Layers layers = Layers::Default(TestCpu());
  EXPECT_THAT(layers.Put(TestRecord()).status().message(),
              Mentions({"JITATTN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}));
  EXPECT_EQ(layers.Find(TestRecord().key).match, Match::kNone);
}

TEST(Match, HasNames) {
  EXPECT_EQ(Name(Match::kExact), "exact");
  EXPECT_EQ(Name(Match::kNearest), "nearest");
  EXPECT_EQ(Name(Match::kNone), "none");
}

}  // namespace
}  // namespace jitattn::cache
