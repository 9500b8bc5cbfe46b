// `jitattn compare`: methods in turn, with Python and without.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "tests/cli/csv_testing.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;

// Rounds end it, not the time.
std::vector<std::string> Compare(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"compare", "--rounds",  "3", "--time",
                                        "600",     "--threads", "2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

cli::CsvRow RowOf(const std::vector<cli::CsvRow>& rows, const std::string& method,
                  const std::string& op = "attention") {
  for (const cli::CsvRow& row : rows) {
    if (row.at("method") == method && row.at("op") == op) return row;
  }
  ADD_FAILURE() << "no row of " << method;
  return {};
}

TEST(CompareTest, MethodsOfThisRepositoryInTurn) {
  const cli::TempDir folder;
  const std::string csv = folder / "c.csv", methods = "jitattn,naive,two-pass,compiler-vectorised";
  const cli::ProcessResult result = cli::RunJitattn(
      folder, Compare({"--dim", "48", "--dtype", "f64", "--methods", methods, "--csv", csv}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<cli::CsvRow> rows = cli::ParseCsv(cli::ReadFile(csv));
  ASSERT_THAT(rows, SizeIs(2 * 4));
  for (const cli::CsvRow& row : rows) {
    SCOPED_TRACE(row.at("method"));
    EXPECT_EQ(row.at("dtype"), "f64");
    EXPECT_EQ(row.at("N"), row.at("op") == "attention" ? "48" : "2304");
    EXPECT_THAT(row.at("problem"), HasSubstr(".t2."));
    EXPECT_THAT(row.at("threads"), AnyOf("1", "2"));
    EXPECT_GE(std::stoi(row.at("samples")), 1);
    EXPECT_GT(std::stod(row.at("min_s")), 0);
    EXPECT_LE(std::stod(row.at("min_s")), std::stod(row.at("p50_s")));
    EXPECT_LE(std::stod(row.at("p50_s")), std::stod(row.at("max_s")));
    EXPECT_LT(std::stod(row.at("max_error")), 1e-12);
    EXPECT_GT(std::stod(row.at("gflops")), 0);
    // A speed-up names its baseline, and is that of the rows.
    EXPECT_EQ(row.at("speedup_over"), "two-pass");
    const cli::CsvRow baseline = RowOf(rows, "two-pass", row.at("op"));
    EXPECT_NEAR(std::stod(row.at("speedup")),
                std::stod(baseline.at("min_s")) / std::stod(row.at("min_s")),
                1e-5 * std::stod(row.at("speedup")));
    EXPECT_NEAR(std::stod(row.at("speedup_median")),
                std::stod(baseline.at("p50_s")) / std::stod(row.at("p50_s")),
                1e-5 * std::stod(row.at("speedup_median")));
    if (std::stoi(row.at("samples")) > 1) {
      EXPECT_EQ(row.at("unstable"), std::stod(row.at("cv")) > 0.1 ? "1" : "0");
    }
  }
  EXPECT_THAT(RowOf(rows, "jitattn").at("note"), Not(IsEmpty())) << "there is no record";
  EXPECT_THAT(result.out, Mentions({"two-pass"}));
}

// Defect 6 of the study: a speed-up that came from one outlier of its baseline.
TEST(CompareTest, UnstableRowsAreMarked) {
  const cli::TempDir folder;
  const cli::ProcessResult result = cli::RunJitattn(
      folder, Compare({"--dim", "32", "--op", "sigmoid-mul", "--methods", "jitattn,naive"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // The machine decides whether a row is unstable; the marks ! and ? must agree.
  const bool unstable = result.out.find(" %!") != std::string::npos;
  EXPECT_EQ(result.out.find("?") != std::string::npos, unstable) << result.out;
}

TEST(CompareTest, WithoutPythonThereIsANote) {
  const cli::TempDir folder, empty;
  const std::string csv = folder / "c.csv";
  const cli::ProcessResult result =
      cli::RunJitattn(folder, Compare({"--dim", "32", "--op", "attention", "--csv", csv}),
                      {.env = {{"PATH", empty.path()}}});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<cli::CsvRow> rows = cli::ParseCsv(cli::ReadFile(csv));
  for (const char* method : {"numpy", "numba", "torch", "onnxruntime", "openvino"}) {
    const cli::CsvRow row = RowOf(rows, method);
    EXPECT_EQ(row.at("samples"), "0");
    EXPECT_EQ(row.at("min_s"), "");
    EXPECT_EQ(row.at("speedup"), "");
    EXPECT_THAT(row.at("note"), Mentions({"python3", std::strerror(ENOENT)}));
  }
  EXPECT_EQ(RowOf(rows, "jitattn").at("speedup_over"), "two-pass")
      << RowOf(rows, "two-pass").at("note");
  EXPECT_THAT(RowOf(rows, "jitattn-default").at("note"), Mentions({"jitattn"}));
}

// A substitute for NumPy, which also checks the protocol: it answers like python_peers.py, and
// claims times for results that it never computes.
TEST(CompareTest, AStrangerWithWrongResultsHasNoTime) {
  const cli::TempDir folder;
  const std::string python = folder / "python", csv = folder / "c.csv";
  cli::WriteFile(python, R"(#!/bin/sh
echo '{"python": "9.9", "methods": {"numpy": {"version": "0.0", "has_threads": true}}}'
while read -r line; do
  case "$line" in
    *'"time"'*) echo '{"seconds": 1e-9}' ;;
    *) echo '{}' ;;
  esac
done
)");
  std::filesystem::permissions(python, std::filesystem::perms::owner_all);
  const cli::ProcessResult result =
      cli::RunJitattn(folder, Compare({"--dim", "32", "--op", "attention", "--methods",
                                       "jitattn,numpy", "--python", python, "--csv", csv}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, Mentions({"numpy", "0.0", "9.9"}));
  const cli::CsvRow row = RowOf(cli::ParseCsv(cli::ReadFile(csv)), "numpy");
  EXPECT_THAT(row.at("note"), Not(IsEmpty()));
  EXPECT_EQ(row.at("samples"), "0");
  EXPECT_EQ(row.at("min_s"), "");
  EXPECT_EQ(RowOf(cli::ParseCsv(cli::ReadFile(csv)), "jitattn").at("speedup_over"), "jitattn");
}

TEST(CompareTest, AStrangerThatDiesIsANote) {
  const cli::TempDir folder;
  const std::string python = folder / "python", csv = folder / "c.csv";
  cli::WriteFile(python, R"(#!/bin/sh
echo '{"python": "9.9", "methods": {"numpy": {"version": "0.0", "has_threads": true}}}'
read -r line
)");
  std::filesystem::permissions(python, std::filesystem::perms::owner_all);
  const cli::ProcessResult result =
      cli::RunJitattn(folder, Compare({"--dim", "16,32", "--op", "attention", "--methods",
                                       "jitattn,numpy", "--python", python, "--csv", csv}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const cli::CsvRow& row : cli::ParseCsv(cli::ReadFile(csv))) {
    if (row.at("method") == "numpy") {
      EXPECT_THAT(row.at("note"), Not(IsEmpty()));
      EXPECT_EQ(row.at("samples"), "0");
    } else {
      EXPECT_GT(std::stod(row.at("min_s")), 0);
    }
  }
}

// The script that is built in is Python, and says of every package what it has of it.
TEST(CompareTest, ThePythonOfThisMachineAnswers) {
  const cli::TempDir folder;
  cli::Process python({"/bin/sh", "-c", "python3 --version"}, {});
  if (python.Finish().exit_code != 0) GTEST_SKIP() << "needs python3";
  const cli::ProcessResult result = cli::RunJitattn(
      folder, Compare({"--dim", "16", "--op", "attention", "--methods",
                       "numpy,numba,torch,onnxruntime,openvino", "--python", "python3", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_TRUE(json["python"].is_string());
  for (const Json& method : json["methods"]) {
    EXPECT_NE(method["version"].is_null(), method["missing"].is_null()) << method.dump();
  }
}

// Where this machine has a Python with NumPy, and by JITATTN_TEST_PYTHON any other.
TEST(CompareTest, NumPyTakesPart) {
  const char* named = std::getenv("JITATTN_TEST_PYTHON");
  const std::string python = named == nullptr ? "python3" : named;
  const cli::TempDir folder;
  const cli::ProcessResult first =
      cli::RunJitattn(folder, Compare({"--dim", "16", "--op", "attention", "--methods", "numpy",
                                       "--python", python, "--json"}));
  ASSERT_THAT(first.exit_code, AnyOf(0, 1));
  if (first.exit_code == 1 || !Json::parse(first.out)["methods"][0]["missing"].is_null()) {
    GTEST_SKIP() << "needs NumPy, which " << python << " has not";
  }
  const std::vector<std::vector<std::string>> problems = {
      {"--dim", "33"},
      {"--dim", "32", "--dtype", "f64", "--buffers", "cold", "--rows", "2000", "--cols", "300"},
      {"--seq", "37", "--kv-seq", "51", "--head-dim", "16", "--value-dim", "24", "--heads", "4",
       "--kv-heads", "2", "--batch", "2", "--causal"},
      {"--seq", "37", "--head-dim", "16", "--causal"},
      {"--seq", "37", "--head-dim", "16", "--heads", "3", "--dtype", "bf16"},
      {"--dim", "32", "--dtype", "f16"},
      {"--seq", "37", "--kv-seq", "20", "--head-dim", "16", "--causal"},
      {"--seq", "1", "--kv-seq", "300", "--head-dim", "64", "--heads", "8", "--kv-heads", "1"},
      {"--seq", "37", "--head-dim", "16", "--window-left", "5", "--window-right", "2"},
      {"--seq", "37", "--head-dim", "16", "--causal", "--chunk", "8", "--bias", "bool"},
      {"--seq", "37", "--kv-seq", "51", "--head-dim", "16", "--bias", "f32", "--sinks"},
      {"--seq", "5", "--kv-seq", "51", "--head-dim", "16", "--heads", "4", "--kv-heads", "2",
       "--batch", "2", "--alibi", "--causal", "--softcap", "--sinks", "--dtype", "f64"}};
  for (std::vector<std::string> problem : problems) {
    const std::string csv = folder / "c.csv";
    for (const char* more : {"--methods", "numpy,numba,torch,onnxruntime,openvino,jitattn",
                             "--python", python.c_str(), "--csv", csv.c_str()}) {
      problem.emplace_back(more);
    }
    const cli::ProcessResult result = cli::RunJitattn(folder, Compare(problem));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    for (const cli::CsvRow& row : cli::ParseCsv(cli::ReadFile(csv))) {
      EXPECT_THAT(row.at("note"), Not(HasSubstr("wrong"))) << row.at("problem");
      if (row.at("method") == "numpy" && row.at("dtype") != "bf16") {
        EXPECT_GT(std::stoi(row.at("samples")), 0) << row.at("note");
        EXPECT_EQ(row.at("speedup"), "1");
      }
    }
  }
}

// The row stays, with the reason.
TEST(CompareTest, OptionsThatAPackageLacksAreNamed) {
  const char* named = std::getenv("JITATTN_TEST_PYTHON");
  const std::string python = named == nullptr ? "python3" : named;
  const cli::TempDir folder;
  const std::string csv = folder / "c.csv";
  const cli::ProcessResult result = cli::RunJitattn(
      folder, Compare({"--seq", "9", "--head-dim", "8", "--lse", "--softcap", "--methods",
                       "jitattn,numpy", "--python", python, "--csv", csv}));
  if (result.exit_code == 1) GTEST_SKIP() << "needs NumPy, which " << python << " has not";
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const cli::CsvRow row = RowOf(cli::ParseCsv(cli::ReadFile(csv)), "numpy");
  EXPECT_EQ(row.at("samples"), "0");
  if (row.at("note").find("NotImplementedError") == std::string::npos) {
    GTEST_SKIP() << "needs NumPy, which " << python << " has not";
  }
  EXPECT_THAT(row.at("note"), Mentions({"lse"}));
  EXPECT_THAT(row.at("note"), Not(HasSubstr("softcap")));
}

TEST(CompareStrategiesTest, OnRecordedSpaces) {
  const cli::TempDir folder;
  const std::string spaces = JITATTN_SOURCE_DIR "/tests/data/spaces/", csv = folder / "s.csv";
  std::vector<std::string> arguments = {"compare",
                                        "--strategies",
                                        "bayes,exhaustive",
                                        spaces + "sigmoid-mul-f32-64x64-avx2.json",
                                        spaces + "attention-f64-96x80-avx2.json",
                                        "--budgets",
                                        "18,36",
                                        "--runs",
                                        "30",
                                        "--csv",
                                        csv};
  const cli::ProcessResult result = cli::RunJitattn(folder, arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<cli::CsvRow> rows = cli::ParseCsv(cli::ReadFile(csv));
  ASSERT_THAT(rows, SizeIs(2 * 2 * 3));  // random comes by itself
  for (const cli::CsvRow& row : rows) {
    SCOPED_TRACE(row.at("space") + " " + row.at("strategy"));
    EXPECT_EQ(row.at("runs"), "30");
    EXPECT_GT(std::stod(row.at("fraction_mean")), 0);
    EXPECT_LE(std::stod(row.at("fraction_mean")), 1);
    EXPECT_GE(std::stod(row.at("regret_p10")), 0);
    EXPECT_LE(std::stod(row.at("regret_p10")), std::stod(row.at("regret_p50")));
    EXPECT_LE(std::stod(row.at("regret_p50")), std::stod(row.at("regret_p90")));
    EXPECT_EQ(std::stoi(row.at("wins")) + std::stoi(row.at("ties")) + std::stoi(row.at("losses")),
              2);
    if (row.at("strategy") == "random") {
      EXPECT_EQ(row.at("verdict") + row.at("p_value"), "");
      continue;
    }
    const bool significant = std::stod(row.at("p_value")) < 0.05;
    EXPECT_EQ(row.at("verdict") != "tie", significant);
    if (row.at("strategy") == "bayes") {
      EXPECT_NE(row.at("verdict"), "worse");
    }
  }
  // The same seed, the same table.
  arguments.back() = folder / "again.csv";
  ASSERT_EQ(cli::RunJitattn(folder, arguments).exit_code, 0);
  EXPECT_EQ(cli::ReadFile(folder / "again.csv"), cli::ReadFile(csv));
  EXPECT_THAT(result.out, Mentions({"2"}));
}

TEST(CompareStrategiesTest, OnASpaceMeasuredNow) {
  const cli::TempDir folder;
  const cli::ProcessResult result =
      cli::RunJitattn(folder, {"compare", "--strategies", "random", "--op", "sigmoid-mul", "--dim",
                               "32", "--threads", "1", "--fields", "vecs=1:2,unroll=1,prefetch=0",
                               "--runs", "5", "--budgets", "4", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["noisy"], true);
  ASSERT_THAT(json["rows"], SizeIs(1));
  EXPECT_THAT(std::string(json["rows"][0]["space"]), HasSubstr("sigmoid-mul f32 32×32"));
  EXPECT_THAT(cli::FilesUnder(folder.path()), IsEmpty()) << "no record is made";
}

TEST(CompareStrategiesTest, WhatWasMeasuredInTimeIsSearchedAndRecorded) {
  // Without emitted code the space is a single point.
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const cli::TempDir folder;
  const cli::ProcessResult result =
      cli::RunJitattn(folder, {"compare", "--strategies", "random", "--op", "sigmoid-mul", "--dim",
                               "32", "--threads", "1", "--runs", "5", "--budgets", "4", "--time",
                               "0.3", "--record", folder / "space.json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, testing::ContainsRegex("32×32: .*[0-9]+ of [0-9]+ points in 0.3 s"));
  const cli::ProcessResult again = cli::RunJitattn(
      folder, {"compare", "--strategies", "random", folder / "space.json", "--budgets", "4"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(cli::RunJitattn(folder, {"compare", "--strategies", "random", folder / "space.json",
                                     "--record", folder / "x.json"})
                .exit_code,
            2);
  EXPECT_EQ(cli::RunJitattn(folder, {"compare", "--dim", "32", "--record", "x.json"}).exit_code, 2);
}

TEST(CompareTest, CarelessUse) {
  const cli::TempDir folder;
  const struct {
    std::vector<std::string> arguments;
    std::vector<std::string> data;
    int exit_code = 2;
  } cases[] = {
      {{"compare"}, {"--dim"}},
      {{"compare", "--dim", "0"}, {"--dim", "0", "1"}},
      {{"compare", "--dim", "64", "--methods", "magic"}, {"magic", "jitattn"}},
      {{"compare", "--dim", "64", "--methods", "nunpy"}, {"nunpy", "numpy"}},
      {{"compare", "--dim", "64", "--baseline", "x"}, {"x"}},
      {{"compare", "--dim", "64", "--baseline", "numpy", "--methods", "jitattn,naive"},
       {"--baseline", "numpy", "--methods", "jitattn,naive"}},
      {{"compare", "--preset", "squares"}, {"squares", "square"}},
      {{"compare", "--preset", "square", "--dim", "64"}, {"--dim", "--preset"}},
      {{"compare", "x.json"}, {"x.json", "--strategies"}},
      {{"compare", "--strategies", "magic", "x.json"}, {"magic"}},
      {{"compare", "--strategies", "random"}, {"--dim"}},
      {{"compare", "--strategies", "random", folder / "x.json"}, {folder / "x.json"}, 1},
      {{"compare", "--strategies", "random", "--dim", "32", "--fields", "vexs=1"}, {"vexs"}},
      {{"compare", "--strategies", "random", "--budgets", "0", "x.json"}, {"--budgets", "0"}},
      {{"compare", "--strategies", "random", "--runs", "0", "x.json"}, {"--runs", "0"}},
      {{"compare", "--strategies", "random", "--space", "big"}, {"big"}},
      {{"compare", "--dim", "64", "--rounds", "0"}, {"--rounds", "0", "1"}},
      {{"compare", "--dim", "64", "--time", "0"}, {"--time", "0"}},
      {{"compare", "--dim", "64", "--seed", "-1"}, {"--seed", "-1"}},
      {{"compare", "--dim", "64", "--csv", folder / "no/such.csv"}, {folder / "no/such.csv"}, 1},
      {{"compare", "--dim", "64", "--csv", folder.path()}, {folder.path()}, 1},
      {{"compare", "--dim", "64", "--python", folder / "python"},
       {"--python", folder / "python"},
       1},
      {{"compare", "--dim", "64", "--python", "/bin/true"}, {"/bin/true"}, 1},
  };
  for (const auto& [arguments, data, exit_code] : cases) {
    std::string line;
    for (const std::string& argument : arguments) line += " " + argument;
    SCOPED_TRACE("jitattn" + line);
    const cli::ProcessResult result = cli::RunJitattn(folder, arguments);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, AllOf(testing::StartsWith("jitattn: "), Mentions(data)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace jitattn::lab
