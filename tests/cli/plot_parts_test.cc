// What plots are made of: tables, words, axes, colours, scripts; what is refused, and where.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "cli/clean.h"
#include "cli/plot/axes.h"
#include "cli/plot/csv_reader.h"
#include "cli/plot/gnuplot.h"
#include "cli/plot/gnuplot_script.h"
#include "cli/plot/layout.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/source.h"
#include "cli/plot/words.h"
#include "tests/cli/plot_testing.h"
#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// ---- CSV

TEST(CsvTableTest, QuotesAndLineEnds) {
  const auto table = ReadCsv(
      "\xef\xbb\xbf"
      "a,b\r\n1,\"x,\"\"y\"\"\nz\"\r\n\r\n,3");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->columns, ElementsAre("a", "b"));
  ASSERT_THAT(table->rows, SizeIs(2));
  EXPECT_THAT(table->rows[0].fields, ElementsAre("1", "x,\"y\"\nz"));
  EXPECT_EQ(table->rows[0].line, 2);
  EXPECT_THAT(table->rows[1].fields, ElementsAre("", "3"));
  EXPECT_EQ(table->rows[1].line, 5);
}

TEST(CsvTableTest, DamageIsTold) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "line 1: there is no header"},
      {"a,b\n1", "line 2: 1 field, and the header has 2 columns"},
      {"a,b\n1,2,3\n", "line 2: 3 fields, and the header has 2 columns"},
      {"a,a\n", "has column 'a' twice"},
      {"a,\n", "column 2 of the header has no name"},
      {"a,b\n1,x\"y\n", "line 2, column 4: a quote inside a field"},
      {"a,b\n1,\"x\n", "line 2, column 3: a quote that is never closed"},
      {"a,b\n\"x\"y,1\n", "line 2, column 4: a comma or the line's end must follow"},
      {"a,b\n\"x\n\",1\n\"y\"z,1\n", "line 4, column 4"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(std::string(ReadCsv(text).status().message()), HasSubstr(message)) << text;
  }
}

TEST(SourceTest, WhatIsWrongAndWhere) {
  const TempDir folder;
  const std::string path = folder / "file";
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "line 1: the file is empty"},
      {"hello\n", "line 1: the header is of none of tune --csv"},
      {"{\n  \"a\": 1,\n  oops", "line 3, column 3: no valid JSON"},
      {"{}", "neither the JSON of bench"},
      {"{\"jitattn\": \"0\", \"command\": \"cpu\"}",
       "no picture is made of the JSON of jitattn cpu"},
      {"{\"jitattn\": \"0\", \"command\": \"bench\", \"rows\": [{\"gflops\": \"x\"}]}",
       "bench's JSON (docs/bench.md)"},
      {"{\"jitattn\": \"0\", \"command\": \"replay\"}", "replay's JSON (docs/json.md)"},
      {"{\"tune_params_keys\": 1, \"cache\": {}}", "needs tune_params_keys"},
      {"method,N,p50_s\n", "a header and no rows"},
      {"method,N,p50_s\nnumpy,64,1e-6\nnumpy,x,1\n", "line 3, column 'N': 'x' is no number"},
      {"method,N,p50_s\nnumpy,,1\n", "line 2, column 'N': is empty"},
      {"method,N,p50_s\nnumpy,0,1\n", "line 2, column 'N': 0 is below 1"},
      {"method,N,p50_s\nnumpy,64,-1\n", "a time must be above 0"},
      {"method,N,p50_s\nnumpy,64,inf\n", "'inf' is no number"},
      {"strategy,evaluations,fraction_p50\nbayes,1,1\n", "there is no column 'fraction_mean'"},
  };
  for (const auto& [text, message] : cases) {
    WriteFile(path, text);
    const auto source = ReadSource(path);
    ASSERT_FALSE(source.ok()) << text;
    EXPECT_EQ(source.status().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(std::string(source.status().message()),
                AllOf(HasSubstr(path + ": "), HasSubstr(message)));
  }
  EXPECT_EQ(ReadSource(folder / "none").status().code(), absl::StatusCode::kNotFound);
}

// ---- Words and axes

TEST(PlotWordsTest, CleanIsValidUtf8OnOneLine) {
  EXPECT_EQ(Clean("a\nb\tc\x01"), "a b c ");
  EXPECT_EQ(Clean("µ × 10³"), "µ × 10³");
  EXPECT_EQ(Clean("a\xff"
                  "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Clean("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  EXPECT_EQ(Clean("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");  // cut off
  EXPECT_EQ(Clean(std::string("a\0b", 3)), "a b");
}

TEST(PlotWordsTest, FitKeepsBothEnds) {
  const std::string name = "attention-f32-384x128-causal-avx512";
  EXPECT_EQ(Fit(name, 1000, 11), name);
  const std::string cut = Fit(name, 100, 11);
  EXPECT_LE(TextWidth(cut, 11), 100);
  EXPECT_THAT(cut, AllOf(testing::StartsWith("att"), testing::EndsWith("512"), HasSubstr("…")));
  for (const std::string& line : Wrap("a long caption of several words " + name, 120, 11)) {
    EXPECT_LE(TextWidth(line, 11), 120) << line;
  }
}

TEST(PlotWordsTest, Units) {
  EXPECT_EQ(SecondsWord(1e-5), "10 µs");
  EXPECT_EQ(SecondsWord(9.99999999e-4), "1 ms");
  EXPECT_EQ(SecondsWord(2.5), "2.5 s");
  EXPECT_EQ(CountWord(400), "400");
  EXPECT_EQ(CountWord(16384), "16 Ki");
  EXPECT_EQ(CountWord(1 << 20), "1 Mi");
  EXPECT_EQ(Slug("../a b'c`$(x)"), "a-b-c-x");
}

TEST(AxesTest, TicksAreRound) {
  EXPECT_THAT(Labels(LinearAxis("", {0.02, 0.97}, NumberWord)),
              ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(Labels(LogAxis("", {2e-6, 3e-3}, SecondsWord)),
              ElementsAre("10 µs", "100 µs", "1 ms"));
  EXPECT_THAT(Labels(PowerOfTwoAxis("N", {64, 1024})),
              ElementsAre("64", "128", "256", "512", "1024"));
  EXPECT_LE(PowerOfTwoAxis("N", {1, 1 << 30}).ticks.size(), 9u);
}

// Every extent gives an axis that gnuplot can draw and that holds its numbers.
TEST(AxesTest, AnyExtentIsHeld) {
  const std::vector<Extent> extents = {{},          {5, 5},      {0, 0},           {1e-9, 1e-9},
                                       {1e-9, 1e9}, {1, 1.0001}, {1e15, 1e15 + 1}, {0.999999, 1},
                                       {-3, 7},     {1e-300, 1}, {64, 64},         {100, 1000}};
  for (const Extent& extent : extents) {
    for (const bool log : {false, true}) {
      if (log && !extent.empty() && extent.least <= 0) continue;
      const Axis axis = log ? LogAxis("", extent, NumberWord) : LinearAxis("", extent, NumberWord);
      EXPECT_LT(axis.from, axis.to);
      EXPECT_LT(axis.ticks.size(), 40u);
      EXPECT_FALSE(axis.ticks.empty()) << extent.least << " " << extent.greatest << " " << log;
      if (log) {
        EXPECT_GT(axis.from, 0);
      }
      if (extent.empty()) continue;
      EXPECT_LE(axis.from, extent.least + 1e-9 * std::abs(extent.least));
      EXPECT_GE(axis.to, extent.greatest - 1e-9 * std::abs(extent.greatest));
    }
  }
}

TEST(PaletteTest, LooksDiffer) {
  std::set<std::pair<uint32_t, int>> seen;
  for (int i = 0; i < 35; ++i) {
    EXPECT_TRUE(seen.insert({LookOf(i).color, LookOf(i).dash}).second) << i;
  }
  double last = -1;  // lightness of the ramp grows
  for (int i = 0; i <= 64; ++i) {
    const uint32_t c = Ramp(i / 64.0);
    const double light =
        0.2126 * ((c >> 16) & 255) + 0.7152 * ((c >> 8) & 255) + 0.0722 * (c & 255);
    EXPECT_GT(light, last) << i;
    last = light;
  }
}

// ---- Scripts

TEST(GnuplotScriptTest, WordsCannotBecomeCommands) {
  EXPECT_EQ(Quoted("it's `x` \"y\" $(z) \\n"), "'it’s `x` \"y\" $(z) \\n'");
  EXPECT_EQ(Quoted("a'\nsystem 'touch x'\n"), "'a’ system ’touch x’ '");
  EXPECT_EQ(Quoted("trailing \\"), "'trailing \\'");
  Figure figure{.name = "x", .title = "t'\n!touch x\n"};
  figure.panels.push_back({.title = "EOD\nEOD"});
  figure.panels[0].x.ticks = {{0, "%s %n"}};
  figure.panels[0].series.push_back({.name = "n'\nquit", .x = {0}, .y = {1}});
  for (const Format format : {Format::kSvg, Format::kPng}) {
    const std::string script = GnuplotScript(figure, format);
    EXPECT_THAT(script, Not(HasSubstr("\n!")));
    EXPECT_THAT(script, Not(HasSubstr("\nquit")));
    EXPECT_THAT(script, HasSubstr("'%%s %%n'"));
    EXPECT_THAT(script, HasSubstr("noenhanced"));
  }
}

}  // namespace
}  // namespace jitattn::cli
