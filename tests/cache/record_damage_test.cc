// Damaged records: whatever happens to the bytes, the answer is a sound record or a reason.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "cache/record.h"
#include "cache/record_reader.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::StartsWith;

// True if the text was taken. What was taken must be a record that is the same written and read
// again.
bool TakenSoundly(const std::string& text) {
  const auto read = ParseRecord(text, "r.toml", TestCpu());
  if (!read.ok()) {
    EXPECT_THAT(std::string(read.status().message()), StartsWith("r.toml:")) << text;
    return false;
  }
  EXPECT_TRUE(ops::Validate(read->config, read->problem, TestCpu()).ok());
  const auto again = ParseRecord(SerializeRecord(*read), "r.toml", TestCpu());
  EXPECT_TRUE(again.ok() && AllFields(*again) == AllFields(*read)) << again.status() << text;
  return true;
}

TEST(Damage, EveryTruncationIsRefused) {
  const std::string text = SerializeRecord(TestRecord());
  for (size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_FALSE(TakenSoundly(text.substr(0, size))) << size;
  }
  EXPECT_TRUE(TakenSoundly(text.substr(0, text.size() - 1))) << "all but the last newline";
}

TEST(Damage, EveryMissingByteIsSurvived) {
  const std::string text = SerializeRecord(TestRecord());
  int taken = 0;
  for (size_t i = 0; i < text.size(); ++i) taken += TakenSoundly(std::string(text).erase(i, 1));
  EXPECT_GT(taken, 0);  // in the comment, for one
  EXPECT_LT(taken, static_cast<int>(text.size()));
}

// 1, 2, 4 or 8 bytes at random places changed to anything, or to what means something in TOML.
TEST(Damage, RandomBytesAreSurvived) {
  constexpr uint64_t kSeed = 20260102;
  const std::string text = SerializeRecord(TestRecord());
  constexpr std::string_view kMeaningful = "\"'\\\n\r\t #=.,[]{}-+_:0129xeETZtfnai";
  std::mt19937_64 random(kSeed);
  int taken = 0, refused = 0;
  for (int i = 0; i < 8000; ++i) {
    std::string damaged = text;
    for (int n = 1 << random() % 4; n > 0; --n) {
      const auto byte = static_cast<char>(random());
      damaged[random() % damaged.size()] =
          random() % 2 ? byte : kMeaningful[random() % kMeaningful.size()];
    }
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << ", case " << i);
    ++(TakenSoundly(damaged) ? taken : refused);
  }
  EXPECT_GT(taken, 100);
  EXPECT_GT(refused, 1000);
}

// Blocks copied over others: what a bad disk or an unfortunate merge makes.
TEST(Damage, MovedBlocksAreSurvived) {
  constexpr uint64_t kSeed = 7;
  const std::string text = SerializeRecord(TestRecord());
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << ", case " << i);
    const size_t from = random() % text.size(), to = random() % text.size();
    std::string damaged = text;
    random() % 2 ? damaged.insert(to, text, from, random() % 200)
                 : damaged.replace(to, random() % 200, text, from, random() % 200);
    TakenSoundly(damaged);
  }
}

TEST(Damage, OtherFilesAreRefused) {
  EXPECT_FALSE(TakenSoundly(""));
  EXPECT_FALSE(TakenSoundly("\xef\xbb\xbf" + SerializeRecord(TestRecord())));  // a byte-order mark
  EXPECT_FALSE(TakenSoundly(std::string(4096, '\0')));
  EXPECT_FALSE(
      TakenSoundly("\x7f"
                   "ELF"));
  EXPECT_FALSE(TakenSoundly("{\"format\": \"1.0\"}"));
  EXPECT_FALSE(TakenSoundly("<<<<<<< ours\n" + SerializeRecord(TestRecord())));
}

TEST(Damage, LongRecordsAreRefusedUnread) {
  std::string text = SerializeRecord(TestRecord());
  text += "# " + std::string(kMaxRecordBytes - text.size() - 2, '.');
  EXPECT_TRUE(TakenSoundly(text));
  const auto read = ParseRecord(text + ".", "r.toml", TestCpu());
  EXPECT_THAT(read.status().message(), Mentions({"r.toml", "65537", "65536"}));
}

TEST(Damage, DeepNestingIsRefused) {
  const std::string text = SerializeRecord(TestRecord());
  for (const char* brackets : {"[]", "{}"}) {
    const std::string open = brackets[0] == '[' ? "[" : "{a=";
    std::string value;
    for (int i = 0; i < 1000; ++i) value += open;
    value += "1" + std::string(1000, brackets[1]);
    EXPECT_FALSE(TakenSoundly(text + "deep = " + value + "\n"));
  }
  // As long as a record may be, and each part a level.
  std::string key = "a";
  while (text.size() + key.size() + 100 < kMaxRecordBytes) key += ".a";
  EXPECT_FALSE(TakenSoundly(text + key + " = 1\n"));
  EXPECT_FALSE(TakenSoundly(text + "[" + key + "]\n"));
}

TEST(RecordReader, OnlyFieldsThatCameLaterMayBeMissing) {
  for (const int minor : {0, 1, 2, 3}) {
    auto table = ParseToml("[config]\na = 1", "r.toml");
    ASSERT_TRUE(table.ok());
    RecordReader reader(*std::move(table), "r.toml", minor);
    int a = 5, b = 6, c = 7;
    reader.Section("config");
    reader.Since(2).Integer("a", a, 0, 9);
    reader.Since(2).Integer("b", b, 0, 9);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, 6);
    EXPECT_EQ(reader.status().ok(), minor < 2) << minor;
    reader.Integer("c", c, 0, 9);  // in every format
    EXPECT_THAT(reader.status().message(),
                Mentions({"r.toml:2", minor < 2 ? "config.c" : "config.b"}));
  }
}

}  // namespace
}  // namespace jitattn::cache
