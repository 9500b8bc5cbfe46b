// From files to figures: what pictures hold, and what is drawn.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

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
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Data(const std::string& name) { return JITATTN_SOURCE_DIR "/tests/data/plots/" + name; }

std::vector<Source> Read(const std::vector<std::string>& names) {
  std::vector<Source> sources;
  for (const std::string& name : names) {
    const auto source = ReadSource(Data(name));
    EXPECT_TRUE(source.ok()) << source.status();
    if (source.ok()) sources.push_back(*source);
  }
  return sources;
}

std::vector<std::string> Names(const Figure& figure) {
  std::vector<std::string> names;
  for (const LegendEntry& entry : LayOut(figure).legend) names.push_back(entry.name);
  return names;
}

Source FromText(const std::string& text) {
  const TempDir folder;
  WriteFile(folder / "file", text);
  const auto source = ReadSource(folder / "file");
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *source : Source{};
}

// ---- Pictures

// Whatever is drawn: ranges and numbers that gnuplot takes, nothing outside the figure.
void CheckFigure(const Figure& figure) {
  SCOPED_TRACE(figure.name);
  EXPECT_EQ(figure.name, Slug(figure.name));
  EXPECT_FALSE(figure.title.empty());
  EXPECT_FALSE(figure.caption.empty());
  ASSERT_FALSE(figure.panels.empty());
  EXPECT_FALSE(figure.table.rows.empty());
  for (const auto& row : figure.table.rows) EXPECT_EQ(row.size(), figure.table.columns.size());
  const Layout layout = LayOut(figure);
  EXPECT_LE(layout.width, 1800);
  EXPECT_LE(layout.height, 1800);
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    const Panel& panel = figure.panels[i];
    const Rect& r = layout.panels[i];
    EXPECT_GE(r.x, 0);
    EXPECT_GE(r.y, 0);
    EXPECT_LE(r.x + r.width, layout.width);
    EXPECT_LE(r.y + r.height, layout.height);
    for (const Axis* axis : {&panel.x, &panel.y}) {
      EXPECT_NE(axis->from, axis->to) << panel.title;
      EXPECT_TRUE(std::isfinite(axis->from) && std::isfinite(axis->to));
      if (axis->log) {
        EXPECT_GT(std::min(axis->from, axis->to), 0);
      }
    }
    for (const Series& series : panel.series) {
      EXPECT_EQ(series.x.size(), series.y.size());
      const bool areas = series.mark == Mark::kSegments || series.mark == Mark::kBoxes;
      if (areas) {
        EXPECT_EQ(series.x.size(), series.x2.size());
      }
      if (areas || series.mark == Mark::kBand) {
        EXPECT_EQ(series.x.size(), series.y2.size());
      }
    }
  }
}

std::vector<Figure> Make(const std::vector<Source>& sources, const std::string& kind) {
  std::vector<Figure> figures;
  for (Picture& picture : MakePictures(sources, std::vector<std::string>{kind})) {
    CheckFigure(picture.figure);
    figures.push_back(std::move(picture.figure));
  }
  return figures;
}

TEST(PicturesTest, OneStrategyHasABandAndNoSmallPanels) {
  const Source source = FromText(
      "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90\n"
      "s,bayes,1,0.5,0.4,0.5,0.6\ns,bayes,2,0.9,0.8,0.9,1\n");
  const auto figures = Make({source}, "convergence");
  ASSERT_THAT(figures, SizeIs(1));
  EXPECT_THAT(Names(figures[0]), ElementsAre("bayes"));
  ASSERT_THAT(figures[0].panels[0].series, SizeIs(2));
  EXPECT_EQ(figures[0].panels[0].series[0].mark, Mark::kBand);
  EXPECT_THAT(figures[0].panels[0].series[0].y2, ElementsAre(0.6, 1));
  EXPECT_THAT(figures[0].panels[0].series[1].y, ElementsAre(0.5, 0.9));
}

TEST(PicturesTest, TwoSpacesAreAveraged) {
  const Source source = FromText(
      "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90\n"
      "s,a,1,1,0.4,0.5,1\nt,a,1,1,0.6,0.7,1\n");
  const auto figures = Make({source}, "convergence");
  ASSERT_THAT(figures, SizeIs(1));
  EXPECT_THAT(figures[0].caption, HasSubstr("mean over 2 spaces"));
  EXPECT_THAT(figures[0].panels[0].series[1].y, ElementsAre(testing::DoubleNear(0.6, 1e-12)));
}

TEST(PicturesTest, ASinglePointIsDrawn) {
  const Source source = FromText(
      "op,dtype,N,method,p50_s,cv,speedup,speedup_over,unstable\n"
      "attention,f32,64,jitattn,1e-5,0.2,1,numpy,1\n");
  for (const char* kind : {"time", "speedup", "cv"}) {
    const auto figures = Make({source}, kind);
    ASSERT_THAT(figures, SizeIs(1)) << kind;
    EXPECT_THAT(Names(figures[0]), ElementsAre("jitattn", "CV above 0.1"));
  }
  EXPECT_EQ(Make({source}, "speedup")[0].panels[0].y.label, "speed-up over numpy");
}

TEST(PicturesTest, AMissingTimeIsAGapWithItsReason) {
  const Source source = FromText(
      "op,dtype,N,method,p50_s,note\n"
      "attention,f32,64,torch,,no kernel\nattention,f32,128,torch,1e-3,\n");
  const auto figures = Make({source}, "time");
  ASSERT_THAT(figures, SizeIs(1));
  EXPECT_THAT(figures[0].panels[0].series[0].x, ElementsAre(128));
  EXPECT_THAT(figures[0].table.rows[0], Contains("no kernel"));
}

// All costs alike: no variance, and still a picture of it.
TEST(PicturesTest, ZeroVariance) {
  const Source source = FromText(R"({"tune_params_keys": ["x", "y"],
      "tune_params": {"x": [1, 2], "y": [1, 2]}, "cache": {
      "1,1": {"x": 1, "y": 1, "time": 1, "times": [1, 1]},
      "1,2": {"x": 1, "y": 2, "time": 1, "times": [1, 1]},
      "2,1": {"x": 2, "y": 1, "time": 1, "times": [1, 1]},
      "2,2": {"x": 2, "y": 2, "time": 1, "times": [1, 1]}}})");
  EXPECT_THAT(Make({source}, "pairs"), SizeIs(1));
  EXPECT_THAT(Make({source}, "samples"), SizeIs(1));
  const auto importance = Make({source}, "importance");
  ASSERT_THAT(importance, SizeIs(1));
  EXPECT_THAT(importance[0].caption, HasSubstr("exact on the whole grid of 4 points"));
}

// Every point fails, or there is one alone: nothing to draw, and no crash.
TEST(PicturesTest, NothingToDraw) {
  const Source source = FromText(R"({"tune_params_keys": ["x"], "tune_params": {"x": [1, 2]},
      "cache": {"1": {"x": 1, "time": "RuntimeFailedConfig"},
                "2": {"x": 2, "time": "RuntimeFailedConfig"}}})");
  EXPECT_THAT(MakePictures(std::vector<Source>{source}, {}), IsEmpty());
  const Source one = FromText(R"({"tune_params_keys": ["x"], "tune_params": {"x": [1]},
      "cache": {"1": {"x": 1, "time": 1}}})");
  EXPECT_THAT(MakePictures(std::vector<Source>{one}, {}), IsEmpty());
}

// The best cell below the diagonal holds the optimum; the parameter that acts comes first.
TEST(PicturesTest, PairsAndImportanceOfAKnownSpace) {
  std::string cache;
  for (int x = 1; x <= 3; ++x) {
    for (int y = 1; y <= 2; ++y) {
      const std::string key = std::to_string(x) + "," + std::to_string(y);
      cache += (cache.empty() ? "\"" : ",\"") + key + "\": {\"x\": " + std::to_string(x) +
               ", \"y\": " + std::to_string(y) + ", \"time\": " + std::to_string(x * x) + "}";
    }
  }
  const Source source = FromText(
      R"({"tune_params_keys": ["y", "x"], "tune_params": {"y": [1, 2], "x": [1, 2, 3]}, "cache": {)" +
      cache + "}}");
  const auto importance = Make({source}, "importance");
  ASSERT_THAT(importance, SizeIs(1));
  EXPECT_THAT(Labels(importance[0].panels[0].y), ElementsAre("x", "y"));
  EXPECT_THAT(importance[0].table.rows[0], ElementsAre("x", "1.0000", "1.0000", "0.0000"));
  const auto pairs = Make({source}, "pairs");
  ASSERT_THAT(pairs, SizeIs(1));
  EXPECT_THAT(pairs[0].panels, SizeIs(4));
  EXPECT_THAT(pairs[0].table.rows, Contains(ElementsAre("x, y", "1, 1", "1.0000", "1.0000")));
  EXPECT_THAT(pairs[0].table.rows, Contains(ElementsAre("x, y", "3, 2", "9.0000", "9.0000")));
}

TEST(PicturesTest, EachSpaceHasAPanelAndItsFigures) {
  const Source source = FromText(
      "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90\n"
      "s,a,1,1,0.4,0.5,1\nt,a,1,1,0.6,0.7,1\n");
  const auto figures = Make({source}, "spaces");
  ASSERT_THAT(figures, SizeIs(1));
  ASSERT_THAT(figures[0].panels, SizeIs(2));
  EXPECT_THAT(figures[0].panels[1].series[0].y, ElementsAre(0.7));
  EXPECT_THAT(figures[0].table.rows,
              ElementsAre(ElementsAre("s", "a", "1", "0.5000", "0.4000", "1.0000"),
                          ElementsAre("t", "a", "1", "0.7000", "0.6000", "1.0000")));
}

// ---- Files that the commands wrote

TEST(PlotFilesTest, EachKindFromItsFiles) {
  const struct {
    std::string kind;
    std::vector<std::string> files;
    size_t figures;
    std::vector<std::string> legend;  // of the first
  } cases[] = {
      {"convergence", {"curves.csv"}, 2, {"bayes", "genetic", "local-search", "random"}},
      {"convergence", {"tune.csv"}, 1, {"genetic, seed 1", "random, seed 2"}},
      {"spaces", {"curves.csv"}, 1, {"bayes", "random"}},
      {"time", {"compare.csv"}, 1, {"jitattn", "naive", "two-pass", "compiler-vectorised"}},
      {"speedup", {"compare.csv"}, 1, {"jitattn", "naive", "two-pass", "compiler-vectorised"}},
      {"pairs", {"space.json"}, 1, {}},
      {"pairs", {"tune.csv"}, 2, {}},
      {"importance", {"space.json"}, 1, {"alone"}},
      {"importance", {"tune.csv"}, 2, {"alone"}},
      {"roofline", {"roofline.json"}, 1, {"L1", "L2", "L3", "DRAM", "FMA"}},
      {"roofline", {"roofline.json", "bench.json"}, 1, {"L1", "L2", "L3", "DRAM", "FMA"}},
      {"fraction", {"bench.json"}, 1, {"FMA bound"}},
      {"fraction", {"bench.csv", "bench.json"}, 2, {"FMA bound"}},
      {"cv", {"compare.csv"}, 1, {"jitattn"}},
      {"cv", {"tune.csv"}, 1, {"genetic, seed 1", "random, seed 2"}},
      {"cv", {"space.json"}, 1, {"space"}},
      {"samples", {"space.json"}, 1, {"sample", "minimum", "median", "95th percentile"}},
      {"regret", {"replay.csv"}, 1, {}},
      {"regret", {"replay.json"}, 1, {}},
      {"regret", {"strategies.csv", "replay.csv"}, 2, {}},
      {"wins", {"strategies.csv"}, 1, {"wins", "ties", "losses"}},
      {"wins", {"replay.json"}, 1, {"wins", "ties", "losses"}},
      {"score", {"replay.csv"}, 1, {"a space", "mean"}},
      {"score", {"replay.json"}, 1, {"a space", "mean"}},
  };
  std::set<std::string> seen;
  for (const auto& [kind, files, count, legend] : cases) {
    SCOPED_TRACE(kind + " from " + files[0]);
    seen.insert(kind);
    const auto figures = Make(Read(files), kind);
    ASSERT_THAT(figures, SizeIs(count));
    for (const std::string& entry : legend) {
      EXPECT_THAT(Names(figures[0]), Contains(testing::StartsWith(entry)));
    }
  }
  EXPECT_EQ(seen.size(), PictureKinds().size());
}

TEST(PlotFilesTest, WhatWasDroppedAsSlowDidNotFail) {
  const auto figures = Make(Read({"tune.csv"}), "convergence");
  ASSERT_THAT(figures, SizeIs(1));
  const std::vector<std::string>& row = figures[0].table.rows.at(0);
  EXPECT_THAT(std::vector<std::string>(row.begin(), row.begin() + 5),
              ElementsAre("genetic", "1", "24", "17", "0"));
}

TEST(PlotFilesTest, BenchTimesBecomeStrips) {
  const Source source = FromText(R"({"jitattn": "0", "command": "bench", "rows": [
      {"name": "a", "describe": "problem a", "times": [3e-6, 1e-6, 2e-6]}, {"name": "b"}]})");
  const auto figures = Make({source}, "samples");
  ASSERT_THAT(figures, SizeIs(1));
  EXPECT_THAT(figures[0].table.rows,
              ElementsAre(ElementsAre("problem a", "3", "1 µs", "2 µs", "2.9 µs", "3 µs")));
}

// By hand, in the format of compare --strategies.
TEST(PlotFilesTest, StandingsOfStrategies) {
  const Source source = FromText(
      "space,strategy,budget,runs,fraction_mean,regret_p10,regret_p50,regret_p90,wins,ties,losses,"
      "p_value,verdict\n"
      "s,bayes,18,5,0.99,0,0.01,0.02,1,0,0,0.01,better\n"
      "s,random,18,5,0.9,0.05,0.1,0.2,0,0,1,0.01,worse\n");
  const auto regret = Make({source}, "regret");
  ASSERT_THAT(regret, SizeIs(1));
  EXPECT_THAT(Labels(regret[0].panels[0].y), ElementsAre("bayes", "random"));
  EXPECT_THAT(regret[0].panels[0].series[0].x2, ElementsAre(0.02, 0.2));
  const auto wins = Make({source}, "wins");
  ASSERT_THAT(wins, SizeIs(1));
  EXPECT_THAT(wins[0].table.rows[0], ElementsAre("bayes", "1 / 0 / 0"));
}

// ---- Drawn

bool HasGnuplot() { return CheckGnuplot().ok(); }

int BigEndian(const std::string& bytes, size_t at) {
  int value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PlotDrawnTest, SvgHoldsItsWordsAndPngItsPixels) {
  if (!HasGnuplot()) GTEST_SKIP() << "needs gnuplot";
  const auto sources = Read({"compare.csv"});
  const auto figures = Make(sources, "speedup");
  ASSERT_THAT(figures, SizeIs(1));
  const auto svg = Draw(figures[0], Format::kSvg);
  ASSERT_TRUE(svg.ok()) << svg.status();
  for (const std::string& name : Names(figures[0])) {
    EXPECT_THAT(*svg, HasSubstr("<text>" + name + "</text>"));
  }
  const Panel& panel = figures[0].panels[0];
  EXPECT_THAT(*svg, AllOf(HasSubstr("<title>" + figures[0].title + "</title>"),
                          HasSubstr("<text>" + panel.y.label + "</text>"),
                          HasSubstr("<text>128</text>"), HasSubstr("font-weight=\"bold\"")));
  // One group a series, and one for the canvas.
  EXPECT_EQ(Count(*svg, "<g id=\"gnuplot_plot_"), static_cast<int>(panel.series.size()) + 1);
  const auto png = Draw(figures[0], Format::kPng);
  ASSERT_TRUE(png.ok()) << png.status();
  ASSERT_GT(png->size(), 1000u);
  EXPECT_EQ(png->substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png->substr(png->size() - 8, 4), "IEND");
  EXPECT_EQ(BigEndian(*png, 16), 2 * SizeOf(figures[0]).width);
  EXPECT_EQ(BigEndian(*png, 20), 2 * SizeOf(figures[0]).height);
}

// What a file says ends up in words, whatever it says: quotes first, line ends, commands.
TEST(PlotDrawnTest, HostileNamesAreDrawnAndNotRun) {
  if (!HasGnuplot()) GTEST_SKIP() << "needs gnuplot";
  const TempDir folder;
  const std::string touch = "touch " + folder / "run";
  const std::vector<std::string> hostile = {"';system '" + touch + "';'",
                                            "`" + touch + "`",
                                            "x\nEOD\n!" + touch,
                                            "\";system(\"" + touch + "\");\"",
                                            "'",
                                            "''",
                                            "\\",
                                            "a\\' b",
                                            "%s %n {/:Bold x} @m ^2 _1 ~a{b}",
                                            "<script>alert(1)</script> & ]]>",
                                            "\x01\xff\xfe",
                                            ""};
  Figure figure{.name = "hostile", .title = hostile[0], .caption = hostile[1]};
  for (size_t i = 0; i < hostile.size(); ++i) {
    Panel panel{.title = hostile[i], .notes = {{.text = hostile[i]}}};
    panel.row = static_cast<int>(i);
    panel.x.label = panel.y.label = hostile[i];
    panel.x.ticks = panel.y.ticks = {{0, hostile[i]}};
    panel.series.push_back({.name = hostile[i], .x = {0, 1}, .y = {0, 1}});
    figure.panels.push_back(std::move(panel));
  }
  for (const Format format : {Format::kSvg, Format::kPng}) {
    const auto picture = Draw(figure, format);
    ASSERT_TRUE(picture.ok()) << picture.status();
    if (format == Format::kSvg) {
      EXPECT_THAT(*picture, Not(HasSubstr("<script")));
    }
  }
  EXPECT_THAT(FilesUnder(folder.path()), IsEmpty());
}

TEST(PlotDrawnTest, EveryPictureOfEveryFileIsDrawn) {
  if (!HasGnuplot()) GTEST_SKIP() << "needs gnuplot";
  const auto sources = Read({"bench.json", "compare.csv", "curves.csv", "replay.json",
                             "roofline.json", "space.json", "tune.csv"});
  for (const Picture& picture : MakePictures(sources, {})) {
    const auto svg = Draw(picture.figure, Format::kSvg);
    ASSERT_TRUE(svg.ok()) << svg.status();
    EXPECT_THAT(*svg, HasSubstr("</svg>"));
  }
}

TEST(PlotCommandTest, FilesFoldersAndLists) {
  if (!HasGnuplot()) GTEST_SKIP() << "needs gnuplot";
  const TempDir folder;
  const std::string compare = Data("compare.csv");
  ProcessResult result = RunJitattn(folder, {"plot", "--list", compare});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("time"), HasSubstr("speedup"), HasSubstr("cv")));
  EXPECT_THAT(FilesUnder(folder.path()), IsEmpty());

  result = RunJitattn(folder, {"plot", compare, "-o", folder / "new/pictures"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(FilesUnder(folder.path()), SizeIs(6));

  result = RunJitattn(folder, {"plot", compare, "-o", folder / "one.svg"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("these files give 3 pictures"));
  result = RunJitattn(folder, {"plot", compare, "-o", folder / "one.svg", "--kind", "time",
                               "--gnuplot", folder / "one.gp"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, folder / "one.svg\n");
  EXPECT_THAT(ReadFile(folder / "one.gp"), HasSubstr("set output 'time.svg'"));

  result = RunJitattn(folder, {"plot", compare, "--kind", "tim"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean time?"));
  result = RunJitattn(folder, {"plot", compare, "--kind", "wins"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("they give time, speedup, cv"));
}

// Twenty thousand points, in a file of several megabytes.
TEST(PicturesTest, ALargeSpace) {
  std::string cache;
  for (int i = 0; i < 20000; ++i) {
    const int a = i % 20, b = i / 20 % 20, c = i / 400;
    cache += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\": {\"a\": " + std::to_string(a) +
             ", \"b\": " + std::to_string(b) + ", \"c\": " + std::to_string(c) +
             ", \"time\": " + std::to_string(1 + (a * 7 + b * 3 + c) % 91) + ", \"times\": [1, 2]}";
  }
  auto list = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += (i == 0 ? "" : ", ") + std::to_string(i);
    return "[" + text + "]";
  };
  const Source source = FromText(
      "{\"tune_params_keys\": [\"a\", \"b\", \"c\"], \"tune_params\": {\"a\": " + list(20) +
      ", \"b\": " + list(20) + ", \"c\": " + list(50) + "}, \"cache\": {" + cache + "}}");
  EXPECT_THAT(Make({source}, "pairs"), SizeIs(1));
  EXPECT_THAT(Make({source}, "importance"), SizeIs(1));
  const auto samples = Make({source}, "samples");
  ASSERT_THAT(samples, SizeIs(1));
  EXPECT_LT(GnuplotScript(samples[0], Format::kSvg).size(), 200000u);
}

}  // namespace
}  // namespace jitattn::cli
