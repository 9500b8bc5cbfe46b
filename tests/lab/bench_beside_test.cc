// `jitattn bench --beside`: every call timed beside busy processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/json.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kSmall = {"bench", "--beside",  "1",          "--heads", "2",
                                         "--seq", "16",        "--head-dim", "16",      "--time",
                                         "0.1",   "--threads", "2"};

std::vector<std::string> With(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(BenchBeside, TellsEveryCallOnOneThreadAndOnAll) {
  const cli::TempDir cache;
  const cli::ProcessResult result = cli::RunJitattn(cache, With(kSmall, {"--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const cli::Json json = cli::Json::parse(result.out);
  EXPECT_EQ(json["beside"], 1);
  ASSERT_FALSE(json["rows"].empty());
  for (const cli::Json& row : json["rows"]) {
    EXPECT_EQ(row["method"], "jitattn");
    EXPECT_GE(row["calls"], 16);
    EXPECT_GT(row["median_s"], 0.0);
    EXPECT_GE(row["p99_s"], row["median_s"]);
    EXPECT_GT(row["median_ratio"], 0.0);
    EXPECT_GT(row["p99_ratio"], 0.0);
    EXPECT_TRUE(row["failure"].is_null());
  }
  EXPECT_EQ(json["rows"][0]["threads"], 1);
  EXPECT_EQ(json["rows"][0]["median_ratio"], 1.0);
  EXPECT_EQ(json["rows"][0]["p99_ratio"], 1.0);
}

TEST(BenchBeside, OtherMethodsTakeTurnsOrSayWhyNot) {
  const cli::TempDir cache;
  const cli::ProcessResult result = cli::RunJitattn(
      cache, With(kSmall, {"--methods", "naive,torch", "--python", "/no/python", "--csv"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "problem,method,threads,calls,median_s,p99_s,median_ratio,p99_ratio,failure");
  int naive = 0, torch = 0;
  while (std::getline(lines, line)) {
    naive += line.find(",naive,") != line.npos;
    if (line.find(",torch,1,0,") == line.npos) continue;
    ++torch;
    EXPECT_THAT(line, HasSubstr("/no/python"));
  }
  EXPECT_GE(naive, 1);
  EXPECT_EQ(torch, 1);
}

TEST(BenchBeside, BadWordsAreRefused) {
  const cli::TempDir cache;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--beside", "-1"}, {"--beside", "many"}, {"--beside", "1", "--methods", "fortran"}}) {
    const cli::ProcessResult result = cli::RunJitattn(cache, With({"bench"}, words));
    EXPECT_EQ(result.exit_code, 2) << words.back();
    EXPECT_THAT(result.err, Mentions({words.back()}));
  }
}

}  // namespace
}  // namespace jitattn::lab
