// Unpacking: members, damage, and that a recording is read from a .json.gz.

#include "lab/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/cli/process.h"

namespace jitattn::lab {
namespace {

using ::testing::HasSubstr;

std::string LittleEndian(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

// A gzip member that stores `text` as it is (RFC 1951 and 1952). REQUIRES: below 64 KB.
std::string Stored(const std::string& text) {
  uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  const auto size = static_cast<uint32_t>(text.size());
  const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);  // one block, the last, stored
  return header + LittleEndian(size, 2) + LittleEndian(~size, 2) + text + LittleEndian(~crc, 4) +
         LittleEndian(size, 4);
}

class GzipTest : public testing::Test {
 protected:
  void SetUp() override {
    if (absl::IsUnimplemented(Gunzip("").status())) GTEST_SKIP() << "needs zlib";
  }
};

TEST_F(GzipTest, OneMemberOrSeveral) {
  EXPECT_TRUE(IsGzip(Stored("abc")));
  EXPECT_FALSE(IsGzip("{}"));
  EXPECT_FALSE(IsGzip(""));
  EXPECT_EQ(*Gunzip(Stored("abc")), "abc");
  EXPECT_EQ(*Gunzip(Stored("")), "");
  EXPECT_EQ(*Gunzip(Stored("abc") + Stored("") + Stored("def")), "abcdef");
}

TEST_F(GzipTest, Damage) {
  const std::string whole = Stored("some words that are checked");
  for (size_t size = 2; size < whole.size(); ++size) {
    EXPECT_EQ(Gunzip(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  std::string changed = whole;
  changed[20] ^= 1;
  EXPECT_EQ(Gunzip(changed).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(Gunzip(whole + "tail").ok());
}

TEST_F(GzipTest, ARecordingIsReplayed) {
  const cli::TempDir folder;
  const std::string text =
      R"({"tune_params_keys": ["x"], "tune_params": {"x": [1, 2, 3]}, "cache": {
      "1": {"x": 1, "time": 3}, "2": {"x": 2, "time": 1}, "3": {"x": 3, "time": "InvalidConfig"}}})";
  cli::WriteFile(folder / "plain.json", text);
  cli::WriteFile(folder / "packed.json.gz", Stored(text));
  cli::WriteFile(folder / "cut.json.gz", Stored(text).substr(0, 90));
  auto replay = [&](const std::string& name) {
    return cli::RunJitattn(folder, {"replay", folder / name, "--strategies", "random", "--budgets",
                                    "1", "--repeats", "20", "--json"});
  };
  const cli::ProcessResult packed = replay("packed.json.gz"), plain = replay("plain.json");
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_EQ(packed.out.substr(packed.out.find("\"points\"")),
            plain.out.substr(plain.out.find("\"points\"")));
  const cli::ProcessResult cut = replay("cut.json.gz");
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_THAT(cut.err, HasSubstr("cut.json.gz"));
}

}  // namespace
}  // namespace jitattn::lab
