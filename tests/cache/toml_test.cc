// TOML text to and from plain data.

#include "cache/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <locale>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const auto table = ParseToml(text, "file");
  return table.ok() ? "" : std::string(table.status().message());
}

// The value of `v = …`, written back.
std::string Rewritten(std::string_view value) {
  const auto table = ParseToml("v = " + std::string(value), "file");
  if (!table.ok()) return std::string(table.status().message());
  return TomlText(table->front().value);
}

TEST(Toml, KeepsEveryKindOfValue) {
  for (const char* value : {"true",
                            "false",
                            "-9223372036854775808",
                            "9223372036854775807",
                            "0.1",
                            "1e+300",
                            "-0.0",
                            "inf",
                            "-inf",
                            "nan",
                            "\"\"",
                            "\"a\\\"b\\\\\"",
                            "[]",
                            "[1, [\"x\"], {}]",
                            "{}",
                            "{ a = 1, \"b c\" = { d = false } }",
                            "1979-05-27",
                            "07:32:00.5",
                            "1979-05-27T07:32:00Z",
                            "1979-05-27T00:32:00.999999-07:00"}) {
    EXPECT_EQ(Rewritten(value), value);
  }
}

TEST(Toml, NumbersReadBackAsTheSameDouble) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const auto table = ParseToml("v = " + TomlNumber(value), "file");
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(std::get<double>(table->front().value.data), value) << TomlNumber(value);
  }
}

struct CommaPoint : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(Toml, NumbersDoNotDependOnTheLocale) {
  const std::locale before =
      std::locale::global(std::locale(std::locale::classic(), new CommaPoint));
  for (const char* value : {"1234567.5", "1234567", "1979-05-27"}) {
    EXPECT_EQ(Rewritten(value), value);
  }
  std::locale::global(before);
}

TEST(Toml, StringsKeepEveryCharacter) {
  for (char32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 97) {
    if (0xd800 <= c && c <= 0xdfff) continue;
    std::string text = "a";
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
    } else if (c < 0x10000) {
      text += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
               static_cast<char>(0x80 | (c & 0x3f))};
    } else {
      text += {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3f)),
               static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
    }
    const auto table = ParseToml(TomlKey(text) + " = " + TomlString(text), "file");
    ASSERT_TRUE(table.ok()) << std::hex << uint32_t{c} << ": " << table.status();
    ASSERT_EQ(table->front().key, text) << std::hex << uint32_t{c};
    ASSERT_EQ(std::get<std::string>(table->front().value.data), text) << std::hex << uint32_t{c};
  }
}

TEST(Toml, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(TomlString("\xff"), "\"\\ufffd\"");
  EXPECT_EQ(TomlString("\xe4\xb8"), "\"\\ufffd\\ufffd\"");             // cut short
  EXPECT_EQ(TomlString("\xc0\x80x"), "\"\\ufffd\\ufffdx\"");           // a long form of NUL
  EXPECT_EQ(TomlString("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");  // a surrogate
  EXPECT_EQ(TomlString("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");  // past the end
}

TEST(Toml, AnyBytesAsAStringAreTomlAgain) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes(random() % 20, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(ErrorOf(TomlKey(bytes) + " = " + TomlString(bytes)), "") << TomlString(bytes);
  }
}

TEST(Toml, SaysWhereAndWhat) {
  EXPECT_THAT(ErrorOf("a = 1\nb = \n"), StartsWith("file:2: "));
  EXPECT_THAT(ErrorOf("a = 1\na = 2\n"), StartsWith("file:2: "));
  EXPECT_THAT(ErrorOf("a = 1\n\n\xc3\xa9 = 2"), Mentions({"file:3", "0xc3"}));
  EXPECT_THAT(ErrorOf(std::string_view("a = 1\n\0", 7)), Mentions({"file:2", "0x00"}));
  EXPECT_THAT(ErrorOf("a = \"\x1b[31m\""), Mentions({"0x1b"}));  // nothing for a terminal
}

TEST(Toml, DeepNestingIsRefused) {
  const auto repeated = [](std::string_view text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
  };
  EXPECT_EQ(ErrorOf("a = " + repeated("[", 15) + repeated("]", 15)), "");
  EXPECT_THAT(ErrorOf("a = " + repeated("[", 1000) + repeated("]", 1000)), StartsWith("file:1: "));
  EXPECT_THAT(ErrorOf("a = " + repeated("{a=", 1000) + "1" + repeated("}", 1000)),
              StartsWith("file:1: "));
  EXPECT_EQ(ErrorOf("a" + repeated(".a", 8) + " = 1"), "");
  for (const std::string& key : {repeated("a.", 200000) + "a", repeated("'a' . ", 200000) + "a"}) {
    EXPECT_EQ(ErrorOf(absl::StrCat("x = \"....................\"\n", key, " = 1")),
              "file:2: a key of more than 9 parts");
    EXPECT_EQ(ErrorOf(absl::StrCat("[", key, "]")), "file:1: a key of more than 9 parts");
    EXPECT_EQ(ErrorOf(absl::StrCat("x = {", key, " = 1}")), "file:1: a key of more than 9 parts");
  }
  // Strings and comments do not count, whatever quotes they hold.
  EXPECT_EQ(ErrorOf("a = '''\n''..........\"'''\n# '..........\nb = \"\\\"..........\""), "");
  // Within TOML++'s limit, but not once its dotted keys are written as tables.
  EXPECT_THAT(ErrorOf("a = {b.c.d.e.f.g.h = {b.c.d.e.f.g.h = {b.c.d.e.f.g.h = 1}}}"),
              Mentions({"16"}));
}

}  // namespace
}  // namespace jitattn::cache
