// JSON that would crash or stall a parser or its callers.

#include "lab/replay/json_text.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const auto json = ParseJson(text);
  EXPECT_TRUE(json.ok() || json.status().code() == absl::StatusCode::kInvalidArgument);
  return json.ok() ? "" : std::string(json.status().message());
}

std::string Nested(int depth, const std::string& open, const std::string& close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += "1";
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(ParseJson, PlacesOfErrors) {
  EXPECT_EQ(ErrorOf("{\"a\": [1, 2]}"), "");
  EXPECT_THAT(ErrorOf("{\n \"a\": x}"), Mentions({"2", "7"}));
  EXPECT_THAT(ErrorOf("{\"a\": 1"), Mentions({"1"}));
  EXPECT_NE(ErrorOf(""), "");
  EXPECT_NE(ErrorOf("\"\xff\""), "");
}

TEST(ParseJson, NumbersBeyondTheRange) {
  for (const char* text : {"1e999", "-1e999", "[1, 2e400]", "{\"a\": 1e309}"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("float64")) << text;
  }
  EXPECT_EQ(ErrorOf("[1e308, 1e-999, 123456789012345678901234567890]"), "");
}

TEST(ParseJson, DepthIsBounded) {
  EXPECT_EQ(ErrorOf(Nested(kMaxJsonDepth, "[", "]")), "");
  for (const int depth : {kMaxJsonDepth + 1, 100000}) {
    EXPECT_THAT(ErrorOf(Nested(depth, "[", "]")), Mentions({"1", "65"}));
    EXPECT_NE(ErrorOf(Nested(depth, "{\"a\":", "}")), "");
    EXPECT_NE(ErrorOf(Nested(depth, "[", "")), "") << "not closed";
  }
  // Brackets in strings are none.
  EXPECT_EQ(ErrorOf("[\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"]"), "");
}

TEST(ParseJson, KeysOfADepthInTheirOrder) {
  std::vector<std::string> keys;
  const auto json = ParseJson(
      R"({"r": [{"c": {"z": 1, "a": {"deep": 1}}}, {"c": {"m": 1, "z": 2}}], "other": {"x": 1}})",
      4, &keys);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(keys, ElementsAre("z", "a", "m"));
}

TEST(ParseJson, ManyKeysAreNoTrouble) {
  std::string text = "{\"k\": 0";
  for (int i = 0; i < 200000; ++i) text += ", \"k" + std::to_string(i) + "\": 1";
  const auto json = ParseJson(text + "}");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->size(), 200001u);
}

}  // namespace
}  // namespace jitattn::lab
