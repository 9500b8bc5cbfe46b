// `jitattn plot` and `jitattn report` as processes: from what the other commands write now to
// pictures and a page; which Python is asked, and the message if none can draw. plots_test.py
// checks the content of pictures.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "tests/cli/process.h"
#include "tests/lab/plot_testing.h"

namespace jitattn::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kSpace[] = JITATTN_SOURCE_DIR "/tests/data/spaces/sigmoid-mul-f32-64x64-avx2.json";

std::string Data(const std::string& name) { return JITATTN_SOURCE_DIR "/tests/data/plots/" + name; }

void WriteProgram(const std::string& path, const std::string& text) {
  cli::WriteFile(path, "#!/bin/sh\n" + text + "\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

TEST(PlotCommandTest, DrawsWhatTheOtherCommandsWriteNow) {
  // Without emitted code `roofline` has nothing to measure.
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  const cli::TempDir folder;
  std::vector<std::string> files = {kSpace};
  auto run = [&](const std::string& name, std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const cli::ProcessResult result = cli::RunJitattn(folder, std::move(arguments));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    cli::WriteFile(folder / name, result.out);
    files.push_back(folder / name);
  };
  run("replay.json",
      {"replay", kSpace, "--strategies", "bayes,random", "--budgets", "6", "--repeats", "3"});
  run("tune.json", {"tune", "--op", "sigmoid-mul", "--dim", "32", "--threads", "1", "--evaluations",
                    "6", "--time", "3"});
  run("compare.json", {"compare", "--op", "sigmoid-mul", "--dim", "32,64", "--rounds", "3",
                       "--methods", "jitattn,naive,two-pass"});
  run("strategies.json",
      {"compare", "--strategies", "bayes,random", kSpace, "--budgets", "6", "--runs", "3"});
  run("bench.json", {"bench", "--seq", "32", "--head-dim", "16", "--threads", "1"});
  run("roofline.json", {"roofline", "--seq", "32", "--head-dim", "16", "--threads", "1"});
  std::vector<std::string> plot = {"plot", "-o", folder / "out", "--json"};
  plot.insert(plot.end(), files.begin(), files.end());
  const cli::ProcessResult drawn = cli::RunJitattn(folder, plot);
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  std::set<std::string> kinds;
  const Json answer = Json::parse(drawn.out);
  for (const Json& picture : answer.at("pictures")) {
    kinds.insert(picture.at("kind"));
    ASSERT_EQ(picture.at("written").size(), 2u);
    const std::string svg = cli::ReadFile(picture["written"][0]),
                      png = cli::ReadFile(picture["written"][1]);
    EXPECT_THAT(png, StartsWith("\x89PNG\r\n")) << picture;
    EXPECT_FALSE(picture.at("series").empty()) << picture;
    for (const std::string id : picture["series"]) {
      EXPECT_THAT(svg, HasSubstr("id=\"" + id + "\""));
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"convergence", "time", "speedup", "pairs", "importance",
                                          "roofline", "fraction", "cv", "samples", "regret", "wins",
                                          "score"}));
}

TEST(PlotCommandTest, AReportIsOnePage) {
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  const cli::TempDir folder;
  const std::string page = folder / "x.html";
  const cli::ProcessResult result = cli::RunJitattn(
      folder,
      {"report", Data("replay.json"), "--kind", "score,wins", "-o", page, "--title", "a<b"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(cli::ReadFile(page),
              AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("<h1>a&lt;b</h1>"),
                    HasSubstr("id=\"score\""), Not(HasSubstr("<script"))));
}

TEST(PlotCommandTest, WithoutMatplotlibOneLineSaysWhatToInstall) {
  const cli::TempDir folder, bin;
  WriteProgram(bin / "without", "exit 69");  // as plots.py does
  for (const std::string& python : {bin / "without", bin / "none"}) {
    for (const char* command : {"plot", "report"}) {
      const cli::ProcessResult result =
          cli::RunJitattn(folder, {command, Data("replay.json"), "-o", folder / "out.svg"},
                          {.env = {{"JITATTN_PYTHON", python}}});
      EXPECT_EQ(result.exit_code, 1);
      EXPECT_THAT(result.err, AllOf(HasSubstr("python3-matplotlib"), HasSubstr(python)));
      EXPECT_EQ(result.err.find('\n'), result.err.size() - 1);
    }
  }
  EXPECT_THAT(cli::FilesUnder(folder.path()), testing::IsEmpty());
}

TEST(PlotCommandTest, APythonOnPathWithoutMatplotlibHidesNoOther) {
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  if (cli::Process({"/usr/bin/python3", "-c", "import matplotlib"}, {}).Finish().exit_code != 0) {
    GTEST_SKIP() << "needs matplotlib of the system's Python";
  }
  const cli::TempDir folder, bin;
  WriteProgram(bin / "python3", "exit 127");  // a shim that stands for no Python
  const cli::ProcessResult result =
      cli::RunJitattn(folder, {"plot", "--list", Data("replay.json")},
                      {.env = {{"PATH", bin.path() + ":/usr/bin:/bin"}}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("convergence"));
}

// The script gets what the user said, and its output and exit code are the command's.
TEST(PlotCommandTest, WordsAndCodesPassUnchanged) {
  const cli::TempDir folder, bin;
  WriteProgram(bin / "python", "shift 4; printf '%s\\n' \"$@\"; exit 5");
  const cli::ProcessResult result = cli::RunJitattn(
      folder, {"report", "a b", "--kind", "x,y", "--title=-t '\"$`", "-o", "o", "*"},
      {.env = {{"JITATTN_PYTHON", bin / "python"}}});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.out,
              HasSubstr("--kind=x,y\n--output=o\n--title=-t '\"$`\nreport\n--\na b\n*\n"));
}

TEST(PlotCommandTest, CarelessRequestsAreToldAndNothingIsWritten) {
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  const cli::TempDir folder;
  const std::string file = folder / "x";
  cli::WriteFile(file, "no JSON");
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
  } cases[] = {{{"plot", Data("replay.json"), "--kind", "convergens"}, 2},
               {{"plot", Data("replay.json"), "--kind", "pairs"}, 1},
               {{"plot", Data("replay.json"), kSpace, "-o", folder / "x.svg"}, 2},
               {{"plot", file}, 1},
               {{"report", Data("replay.json")}, 2},
               {{"report", Data("replay.json"), "-o", folder / "none/x.html"}, 1}};
  for (const auto& one : cases) {
    const cli::ProcessResult result =
        cli::RunJitattn(folder, one.arguments, {.folder = folder.path()});
    EXPECT_EQ(result.exit_code, one.exit_code) << result.err;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    EXPECT_THAT(cli::FilesUnder(folder.path()), ElementsAre(file));
  }
}

TEST(PlotCommandTest, AFullDiskLeavesTheOlderPicture) {
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  const cli::TempDir folder;
  const std::string picture = folder / "x.svg";
  cli::WriteFile(picture, "older");
  const cli::ProcessResult full =
      cli::RunJitattn(folder, {"plot", Data("replay.json"), "--kind", "score", "-o", picture},
                      {.env = {{"MPLCONFIGDIR", "/dev/null/none"}}, .file_limit_bytes = 2048});
  EXPECT_EQ(full.exit_code, 1) << full.err;
  EXPECT_EQ(cli::ReadFile(picture), "older");
  EXPECT_THAT(cli::FilesUnder(folder.path()), ElementsAre(picture));
}

// Modules and settings in the current folder have no effect.
TEST(PlotCommandTest, TheFolderHasNoSay) {
  if (!HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  const cli::TempDir folder;
  for (const char* name : {"json.py", "matplotlib.py", "numpy.py", "sitecustomize.py"}) {
    cli::WriteFile(folder / name, "open('pwned', 'w')\n");
  }
  cli::WriteFile(folder / "matplotlibrc", "svg.fonttype: path\nnonsense: [\n");
  const cli::ProcessResult result = cli::RunJitattn(
      folder, {"plot", Data("replay.json"), "--kind", "score", "-o", folder / "x.svg"},
      {.folder = folder.path()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_FALSE(std::filesystem::exists(folder / "pwned"));
  EXPECT_THAT(cli::ReadFile(folder / "x.svg"), HasSubstr("<text"));
}

}  // namespace
}  // namespace jitattn::lab
