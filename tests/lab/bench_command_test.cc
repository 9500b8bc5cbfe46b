// `jitattn bench` and `jitattn roofline` as processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/json.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class BenchCommandTest : public ::testing::Test {
 protected:
  cli::ProcessResult Bench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    return cli::RunJitattn(cache_, std::move(arguments));
  }
  cli::TempDir cache_;
};

const std::vector<std::string> kShort = {"--repeat", "3", "--time", "0.01", "--json"};

TEST_F(BenchCommandTest, ListsMakeEveryCombination) {
  std::vector<std::string> arguments = {"--seq",   "16,33",     "--head-dim", "16",
                                        "--dtype", "f32,f64",   "--config",   "default",
                                        "tuned",   "--threads", "1,2"};
  arguments.insert(arguments.end(), kShort.begin(), kShort.end());
  const cli::ProcessResult result = Bench(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const cli::Json json = cli::Json::parse(result.out);
  EXPECT_EQ(json["command"], "bench");
  EXPECT_TRUE(json["machine"]["brand"].is_string());
  ASSERT_THAT(json["rows"], SizeIs(2 * 2 * 2 * 2));
  for (const cli::Json& row : json["rows"]) {
    EXPECT_GT(row["seconds_min"], 0.0);
    EXPECT_GE(row["seconds_median"], row["seconds_min"]);
    EXPECT_EQ(row["speedup"].is_null(), row["threads"] == 1) << row;
    if (row["fraction"].is_null()) continue;  // the portable path has no peak
    const double rate = row[row["bound"] == "fma" ? "gflops" : "gbytes_per_s"];
    EXPECT_NEAR(row["fraction"].get<double>(), rate / row["peak"].get<double>(), 1e-9);
  }

  // The same once more, against the file.
  cli::WriteFile(cache_ / "earlier.json", result.out);
  arguments.insert(arguments.end(), {"--vs", cache_ / "earlier.json"});
  const cli::Json again = cli::Json::parse(Bench(arguments).out);
  ASSERT_THAT(again["vs"], SizeIs(16));
  for (const cli::Json& row : again["vs"]) EXPECT_TRUE(row["verdict"].is_string()) << row;
}

// Each layout is a row of its own, which --vs does not take for the other's.
TEST_F(BenchCommandTest, LayoutsAreTold) {
  const auto row = [&](const std::string& layout, const std::string& heads) {
    std::vector<std::string> arguments = {"--dim", "64",       "--op", "attention", "--heads",
                                          heads,   "--layout", layout, "--config",  "default"};
    arguments.insert(arguments.end(), kShort.begin(), kShort.end());
    const cli::ProcessResult result = Bench(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return cli::Json::parse(result.out)["rows"][0];
  };
  const cli::Json heads = row("heads", "2"), columns = row("columns", "2");
  EXPECT_EQ(heads["layout"], "heads");
  EXPECT_EQ(columns["layout"], "columns");
  EXPECT_EQ(columns["name"], heads["name"].get<std::string>() + ".columns");
  EXPECT_EQ(row("columns", "1")["layout"], "heads") << "one head lies the same in both";
}

TEST_F(BenchCommandTest, TextAndCsv) {
  const cli::ProcessResult text = Bench({"--rows", "7", "--cols", "100", "--repeat", "3"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("sigmoid-mul f32 7×100"));
  const cli::ProcessResult csv = Bench({"--rows", "7", "--cols", "100", "--repeat", "3", "--csv"});
  EXPECT_EQ(csv.exit_code, 0) << csv.err;
  EXPECT_EQ(csv.out.rfind("name,op,describe,dtype,rows,cols,isa,threads,", 0), 0u) << csv.out;
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 2);
}

TEST_F(BenchCommandTest, RooflineNamesWhatBinds) {
  const cli::ProcessResult result =
      cli::RunJitattn(cache_, {"roofline", "--seq", "1,128", "--head-dim", "16", "--threads", "1",
                               "--repeat", "3", "--time", "0.01", "--json"});
  if (result.exit_code != 0 && result.err.find("portable") != std::string::npos) {
    GTEST_SKIP() << "needs avx2: " << result.err;
  }
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const cli::Json json = cli::Json::parse(result.out);
  ASSERT_THAT(json["roofs"], SizeIs(1));
  const cli::Json& roof = json["roofs"][0];
  ASSERT_THAT(roof["levels"], SizeIs(4));
  for (const cli::Json& level : roof["levels"]) {
    EXPECT_NEAR(level["ridge"].get<double>(),
                roof["fma_gflops"].get<double>() / level["gbytes_per_s"].get<double>(), 1e-9);
  }
  ASSERT_THAT(roof["rows"], SizeIs(2));
  for (const cli::Json& row : roof["rows"]) {
    EXPECT_THAT(row["bound_by"].get<std::string>(), Not(IsEmpty()));
    EXPECT_NEAR(row["roof_fraction"].get<double>(),
                row["seconds_at_best"].get<double>() / row["seconds_min"].get<double>(), 1e-9);
  }
  EXPECT_LT(roof["rows"][0]["intensity"], roof["rows"][1]["intensity"]);
}

TEST_F(BenchCommandTest, BadRequestsGetOneLine) {
  const std::pair<std::vector<std::string>, std::vector<std::string>> cases[] = {
      {{"--preset", "squares"}, {"squares", "square"}},
      {{"--preset", "square", "--seq", "16"}, {"--seq", "--preset"}},
      {{"--preset", "all", "--layout", "columns"}, {"--layout", "--preset"}},
      {{"--layout", "rows"}, {"layout", "rows"}},
      {{"--preset", "all", "--dtype", "f64"}, {"--dtype", "--preset"}},
      {{"--seq", "0", "--head-dim", "8"}, {"0"}},
      {{"--dtype", "f23", "--dim", "8"}, {"f23"}},
      {{"--dim", "64", "--config", "q_vec=3"}, {"q_vec"}},
      {{"--dim", "8", "--json", "--csv"}, {"--csv"}},
      {{"--dim", "8", "--vs", "/nowhere"}, {"/nowhere"}}};
  for (const auto& [arguments, data] : cases) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const cli::ProcessResult result = Bench(arguments);
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, Mentions(data));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace jitattn::lab
