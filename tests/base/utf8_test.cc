// Characters of UTF-8, and what is none.

#include "base/utf8.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jitattn {
namespace {

using testing::ElementsAre;

std::vector<char32_t> Characters(std::string_view text) {
  std::vector<char32_t> characters;
  while (!text.empty()) characters.push_back(TakeCharacter(text));
  return characters;
}

TEST(TakeCharacter, OfEachLength) {
  EXPECT_THAT(Characters("a\x7f"), ElementsAre(U'a', 0x7f));
  EXPECT_THAT(Characters("\xc2\x80\xdf\xbf"), ElementsAre(0x80, 0x7ff));
  EXPECT_THAT(Characters("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
              ElementsAre(0x800, 0xd7ff, 0xe000, 0xffff));
  EXPECT_THAT(Characters("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), ElementsAre(0x10000, 0x10ffff));
}

TEST(TakeCharacter, ReplacesBytesThatBeginNone) {
  constexpr char32_t bad = kReplacementCharacter;
  EXPECT_THAT(Characters("\x80z"), ElementsAre(bad, U'z')) << "a later byte";
  EXPECT_THAT(Characters("\xff"), ElementsAre(bad));
  EXPECT_THAT(Characters("\xe2\x82"), ElementsAre(bad, bad)) << "cut off";
  EXPECT_THAT(Characters("\xc1\xbf"), ElementsAre(bad, bad)) << "too long a form";
  EXPECT_THAT(Characters("\xe0\x9f\xbf"), ElementsAre(bad, bad, bad)) << "too long a form";
  EXPECT_THAT(Characters("\xed\xa0\x80"), ElementsAre(bad, bad, bad)) << "a surrogate";
  EXPECT_THAT(Characters("\xf4\x90\x80\x80"), ElementsAre(bad, bad, bad, bad)) << "beyond the last";
}

}  // namespace
}  // namespace jitattn
