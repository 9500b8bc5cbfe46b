// `jitattn plot` and `jitattn report` as processes: from what the other commands write now to
// pictures and a page; and what damaged files, hostile words, a missing gnuplot and places that
// cannot be written to give.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kSpace[] = JITATTN_SOURCE_DIR "/tests/data/spaces/sigmoid-mul-f32-64x64-avx2.json";
constexpr char kCurvesHeader[] =
    "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90\n";

bool HasGnuplot() { return Process({"gnuplot", "--version"}, {}).Finish().exit_code == 0; }

#define NEED_GNUPLOT() \
  if (!HasGnuplot()) GTEST_SKIP() << "needs gnuplot"

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

// Width and height as a PNG's header has them.
std::pair<uint32_t, uint32_t> PngSize(const std::string& png) {
  auto word = [&png](size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(png[i]);
    return value;
  };
  return png.size() < 24 ? std::pair(0u, 0u) : std::pair(word(16), word(20));
}

std::string Curves(const TempDir& folder) {
  const std::string file = folder / "curves.csv";
  WriteFile(file, std::string(kCurvesHeader) +
                      "a space,bayes,1,.9,.8,.9,.95\na space,bayes,2,.95,.9,.96,1\n"
                      "a space,random,1,.8,.7,.8,.9\na space,random,2,.85,.75,.86,.95\n");
  return file;
}

TEST(PlotCommandTest, DrawsWhatTheOtherCommandsWriteNow) {
  NEED_GNUPLOT();
  const TempDir folder;
  const std::string curves = folder / "curves.csv", replay = folder / "replay.csv",
                    tune = folder / "tune.csv", compare = folder / "compare.csv",
                    strategies = folder / "strategies.csv", bench = folder / "bench.json",
                    roofline = folder / "roofline.json";
  auto run = [&folder](std::vector<std::string> arguments) {
    const ProcessResult result = RunJitattn(folder, std::move(arguments));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  run({"replay", kSpace, "--strategies", "bayes,random", "--budgets", "6", "--repeats", "3",
       "--curves", curves, "--csv", replay});
  run({"tune", "--op", "sigmoid-mul", "--dim", "32", "--threads", "1", "--evaluations", "6",
       "--csv", tune});
  run({"compare", "--op", "sigmoid-mul", "--dim", "32,64", "--rounds", "3", "--methods",
       "jitattn,naive,two-pass", "--csv", compare});
  run({"compare", "--strategies", "bayes,random", kSpace, "--budgets", "6", "--runs", "3", "--csv",
       strategies});
  WriteFile(bench, run({"bench", "--seq", "32", "--head-dim", "16", "--threads", "1", "--json"}));
  WriteFile(roofline,
            run({"roofline", "--seq", "32", "--head-dim", "16", "--threads", "1", "--json"}));
  const std::string written = run({"plot", curves, replay, tune, compare, strategies, bench,
                                   roofline, kSpace, "-o", folder / "out", "--json"});
  std::set<std::string> kinds;
  const Json answer = Json::parse(written);
  for (const Json& picture : answer.at("pictures")) {
    kinds.insert(picture.at("kind"));
    ASSERT_EQ(picture.at("written").size(), 2u);
    const std::string svg = ReadFile(picture["written"][0]), png = ReadFile(picture["written"][1]);
    // Text is text, there is something drawn, and a PNG has two pixels for one.
    EXPECT_GE(Count(svg, "<text"), 3) << picture;
    EXPECT_THAT(svg, HasSubstr("gnuplot_plot_1")) << picture;
    EXPECT_THAT(png, StartsWith("\x89PNG\r\n")) << picture;
    const auto [width, height] = PngSize(png);
    char box[64];
    std::snprintf(box, sizeof box, "viewBox=\"0 0 %u %u\"", width / 2, height / 2);
    EXPECT_THAT(svg, HasSubstr(box)) << picture;
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"convergence", "time", "speedup", "pairs", "importance",
                                          "roofline", "fraction", "cv", "samples", "regret", "wins",
                                          "score"}));
}

TEST(PlotCommandTest, WithoutGnuplotThePackageIsNamedAndListWorks) {
  const TempDir folder, empty;
  const std::string file = Curves(folder);
  const ProcessOptions no_path = {.env = {{"PATH", empty.path()}}};
  for (const char* command : {"plot", "report"}) {
    const ProcessResult result =
        RunJitattn(folder, {command, file, "-o", folder / "out.svg"}, no_path);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("gnuplot-nox"));
  }
  const ProcessResult listed = RunJitattn(folder, {"plot", file, "--list"}, no_path);
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("convergence"));
  EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(file));
}

TEST(PlotCommandTest, AGnuplotThatFailsLeavesNothing) {
  const TempDir folder, bin;
  WriteFile(bin / "gnuplot", "#!/bin/sh\necho half a picture\necho 'no fonts' >&2\nexit 3\n");
  std::filesystem::permissions(bin / "gnuplot", std::filesystem::perms::owner_all);
  const std::string file = Curves(folder);
  for (const char* command : {"plot", "report"}) {
    const ProcessResult result = RunJitattn(folder, {command, file, "-o", folder / "out.svg"},
                                            {.env = {{"PATH", bin.path() + ":/usr/bin:/bin"}}});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("no fonts"));
  }
  EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(file));
}

TEST(PlotCommandTest, CarelessRequestsAreToldAndNothingIsWritten) {
  const TempDir folder;
  const std::string file = Curves(folder);
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    const char* message;
  } cases[] = {{{"plot", file, "--kind", "convergens"}, 2, "did you mean convergence?"},
               {{"plot", file, "--kind", "pairs"}, 1, "they give convergence"},
               {{"plot", file, kSpace, "-o", folder / "x.svg"}, 2, "--kind"},
               {{"plot", file, "-o", folder / "none/x.svg"}, 1, "none/x.svg"},
               {{"plot", file, "-o", file}, 1, file.c_str()},
               {{"plot", folder / "none.csv"}, 1, "none.csv"},
               {{"plot", folder.path()}, 1, "is a folder"},
               {{"report", file}, 2, "--output is required"},
               {{"report", file, "-o", folder / "none/x.html"}, 1, "none/x.html"}};
  for (const auto& one : cases) {
    const ProcessResult result = RunJitattn(folder, one.arguments, {.folder = folder.path()});
    EXPECT_EQ(result.exit_code, one.exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(one.message));
    EXPECT_EQ(Count(result.err, "\n"), 1) << result.err;
    EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(file));
  }
}

TEST(PlotCommandTest, DamagedFilesAreNamed) {
  const TempDir folder;
  const std::string file = folder / "x";
  const std::string contents[] = {"",
                                  " \n\n",
                                  "a,b\n1,2\n",
                                  std::string(kCurvesHeader) + "s,b,1\n",
                                  kCurvesHeader,
                                  "{\"command\": \"bench\", \"rows\": [{",
                                  "{\"command\": \"bench\", \"rows\": 3}",
                                  "[]",
                                  "null",
                                  "\x1f\x8b z",
                                  std::string("\0\xff\xfe", 3)};
  for (const std::string& content : contents) {
    WriteFile(file, content);
    for (const char* command : {"plot", "report"}) {
      const ProcessResult result = RunJitattn(folder, {command, file, "-o", folder / "out.svg"});
      EXPECT_EQ(result.exit_code, 1) << content;
      EXPECT_THAT(result.err, HasSubstr(file)) << content;
      EXPECT_EQ(Count(result.err, "\n"), 1) << result.err;
    }
    EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(file));
  }
}

TEST(PlotCommandTest, AFullDiskLeavesTheOlderPicture) {
  NEED_GNUPLOT();
  const TempDir folder;
  const std::string file = Curves(folder), picture = folder / "x.svg";
  WriteFile(picture, "older");
  const ProcessResult full =
      RunJitattn(folder, {"plot", file, "-o", picture}, {.file_limit_bytes = 2048});
  EXPECT_EQ(full.exit_code, 1) << full.err;
  EXPECT_EQ(ReadFile(picture), "older");
  EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(file, picture));
}

// Words that are commands, mark-up, formats or ends of strings to one who forgets to escape them.
const std::vector<std::string>& HostileWords() {
  static const auto* const words =
      new std::vector<std::string>{"`touch pwned`",
                                   "'; system('touch pwned'); '",
                                   "\"; system 'touch pwned'; \"",
                                   "\\\"\nEOD\nsystem 'touch pwned'\n! touch pwned\n",
                                   "$(touch pwned)",
                                   "| touch pwned",
                                   "< touch pwned",
                                   "@pwned",
                                   "%s%n%d %g",
                                   "<script>alert(1)</script>",
                                   "a&b\"c'd",
                                   "</title></svg><img src=x onerror=alert(1)>",
                                   "{/Symbol a}^2_3",
                                   "../../pwned",
                                   "\xff\xfe\x01 no UTF-8",
                                   "\u202e\U0001F600 日本語",
                                   std::string(3000, 'w')};
  return *words;
}

std::string Quoted(const std::string& word) {
  std::string quoted = "\"";
  for (const char c : word) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

TEST(PlotCommandTest, HostileWordsAreOnlyWords) {
  NEED_GNUPLOT();
  const TempDir folder;
  std::string curves = kCurvesHeader;
  std::string strategies =
      "space,strategy,budget,runs,fraction_mean,regret_p10,regret_p50,regret_p90,wins,ties,losses,"
      "p_value,verdict\n";
  std::string compare =
      "op,dtype,N,problem,method,threads,p50_s,min_s,cv,speedup,speedup_over,"
      "unstable,note\n";
  int i = 0;
  for (const std::string& word : HostileWords()) {
    const std::string q = Quoted(word);
    curves += q + "," + q + ",1,.5,.4,.5,.6\n" + q + "," + q + ",2,.6,.5,.6,.7\n";
    strategies += q + "," + q + ",18,5,.8,.1,.2,.3,1,1,2,.5," + q + "\n";
    compare += q + "," + q + "," + std::to_string(64 + ++i) + "," + q + "," + q +
               ",1,1e-6,1e-6,.01,2," + q + ",0," + q + "\n";
  }
  const std::vector<std::pair<std::string, std::string>> files = {
      {"curves.csv", curves}, {"strategies.csv", strategies}, {"compare.csv", compare}};
  std::vector<std::string> plot = {"plot", "-o", folder / "out"};
  std::vector<std::string> report = {"report", "-o", folder / "x.html", "--title", "<b>&\"'`x`"};
  for (const auto& [name, content] : files) {
    WriteFile(folder / name, content);
    plot.push_back(folder / name);
    report.push_back(folder / name);
  }
  const ProcessResult drawn = RunJitattn(folder, plot, {.folder = folder.path()});
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
  const ProcessResult written = RunJitattn(folder, report, {.folder = folder.path()});
  EXPECT_EQ(written.exit_code, 0) << written.err;
  for (const std::string& file : FilesUnder(folder.path())) {
    EXPECT_THAT(file.substr(file.rfind('/')), Not(testing::StrEq("/pwned")));
    if (!file.ends_with(".svg") && !file.ends_with(".html")) continue;
    EXPECT_THAT(ReadFile(file), AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")))) << file;
  }
  EXPECT_THAT(ReadFile(folder / "x.html"),
              AllOf(HasSubstr("&lt;script&gt;"), HasSubstr("<h1>&lt;b&gt;&amp;&quot;&#39;`x`"),
                    HasSubstr("日本語")));
}

TEST(ReportCommandTest, IsOnePageThatNeedsNothingElse) {
  NEED_GNUPLOT();
  const TempDir folder;
  const std::string file = Curves(folder), page_file = folder / "x.html";
  const ProcessResult result = RunJitattn(folder, {"report", file, kSpace, "-o", page_file});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string page = ReadFile(page_file);
  EXPECT_THAT(page, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("prefers-color-scheme"),
                          HasSubstr("@media print"), HasSubstr("width=device-width")));
  for (const char* part :
       {"<script", "<link", " src=", "@import", "url(http", "<?xml", "<!ENTITY"}) {
    EXPECT_THAT(page, Not(HasSubstr(part)));
  }
  // A title a picture, and not gnuplot's of each series, which show under the pointer.
  EXPECT_EQ(Count(page, "<title>"), 1 + Count(page, "<svg"));
  // Where the pictures are from, what the file says of its machine, and the numbers behind them.
  EXPECT_THAT(page, AllOf(HasSubstr(file), HasSubstr(kSpace), HasSubstr("AMD EPYC"),
                          HasSubstr("<td>bayes</td>")));
  EXPECT_EQ(Count(page, "<svg"), Count(page, "<figure>"));
  EXPECT_EQ(Count(page, "<svg"), 5);  // convergence; pairs, importance, variation, samples
  // No identifier twice, and none that is referred to is missing.
  std::set<std::string> ids;
  int all = 0;
  for (size_t at = page.find(" id="); at != page.npos; at = page.find(" id=", at + 1), ++all) {
    ids.insert(page.substr(at + 5, page.find(page[at + 4], at + 5) - at - 5));
  }
  EXPECT_EQ(static_cast<int>(ids.size()), all);
  for (size_t at = page.find("href='#"); at != page.npos; at = page.find("href='#", at + 1)) {
    EXPECT_TRUE(ids.contains(page.substr(at + 7, page.find('\'', at + 7) - at - 7)));
  }
}

}  // namespace
}  // namespace jitattn::cli
