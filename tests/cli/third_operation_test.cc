// An operation that no other folder knows is tuned, found again, run, shown, listed and cleared.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

ProcessResult RunThird(const TempDir& cache, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), JITATTN_BINARY_DIR "/tests/jitattn_with_axpy");
  return Process(arguments, {.env = {{"JITATTN_CACHE_DIR", cache.path()}}}).Finish();
}

std::vector<std::string> Axpy(std::vector<std::string> command,
                              const std::vector<std::string>& more = {}) {
  const std::vector<std::string> problem = {"--op", "axpy", "--length", "5000"};
  command.insert(command.end(), problem.begin(), problem.end());
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

class ThirdOperationTest : public testing::Test {
 protected:
  void Tune() {
    const ProcessResult result = RunThird(
        cache_, Axpy({"tune"}, {"--evaluations", "6", "--time", "50", "--threads", "2", "--json"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    tuned_ = Json::parse(result.out);
  }

  const TempDir cache_;
  Json tuned_;
};

TEST_F(ThirdOperationTest, IsTunedAndFoundByTheNextProcess) {
  Tune();
  const Json& record = tuned_.at("problems").at(0).at("record");
  EXPECT_EQ(record.at("problem").at("op"), "axpy");
  EXPECT_EQ(record.at("problem").at("length"), 5000);
  EXPECT_EQ(record.at("key").get<std::string>().find("axpy_f32.n6144.t2."), 0u);
  const ProcessResult run =
      RunThird(cache_, Axpy({"run"}, {"--threads", "2", "--check", "--repeat", "3", "--json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json found = Json::parse(run.out).at("runs").at(0);
  EXPECT_EQ(found.at("match"), "exact");
  EXPECT_EQ(found.at("config"), record.at("config"));
  EXPECT_EQ(found.at("check").at("correct"), true);
}

TEST_F(ThirdOperationTest, IsRightInEveryType) {
  for (const char* dtype : {"f32", "f64", "bf16", "f16"}) {
    for (const char* length : {"1", "63", "1000"}) {
      const ProcessResult run = RunThird(cache_, {"run", "--op", "axpy", "--length", length,
                                                  "--dtype", dtype, "--repeat", "1", "--check"});
      EXPECT_EQ(run.exit_code, 0) << dtype << " " << length << ": " << run.out << run.err;
    }
  }
}

TEST_F(ThirdOperationTest, IsShown) {
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const ProcessResult shown = RunThird(cache_, Axpy({"show"}, {"--json"}));
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  const Json kernel = Json::parse(shown.out).at("kernels").at(0);
  EXPECT_EQ(kernel.at("config").at("algorithm"), "stream");
  EXPECT_EQ(kernel.at("config").at("unroll"), 2);
}

TEST_F(ThirdOperationTest, IsListedAndClearedByWhoKnowsIt) {
  Tune();
  const Json listed =
      Json::parse(RunThird(cache_, {"cache", "list", "--op", "axpy", "--json"}).out);
  EXPECT_EQ(listed.at("folders").at(0).at("records").size(), 1u);
  EXPECT_EQ(RunThird(cache_, {"cache", "clear", "--op", "axpy", "--yes"}).exit_code, 0);
  EXPECT_TRUE(FilesUnder(cache_.path()).empty());
}

TEST_F(ThirdOperationTest, IsListedAndClearedByWhoDoesNot) {
  Tune();
  const ProcessResult listed = RunJitattn(cache_, {"cache", "list"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out + listed.err, HasSubstr("axpy"));
  EXPECT_EQ(RunJitattn(cache_, {"cache", "clear", "--yes"}).exit_code, 0);
  EXPECT_TRUE(FilesUnder(cache_.path()).empty());
}

// By the laboratory's program of this command, which has the same registration line.
TEST_F(ThirdOperationTest, IsMeasured) {
  const ProcessResult bench = RunThird(
      cache_, Axpy({"bench"}, {"--repeat", "3", "--time", "1", "--threads", "1", "--json"}));
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  const Json row = Json::parse(bench.out).at("rows").at(0);
  EXPECT_EQ(row.at("op"), "axpy");
  EXPECT_GT(row.at("gbytes_per_s").get<double>(), 0);
}

TEST_F(ThirdOperationTest, WrongFlagsAreNamed) {
  const ProcessResult wrong =
      RunThird(cache_, {"run", "--op", "axpy", "--dim", "8", "--heads", "2"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--heads"));
}

}  // namespace
}  // namespace jitattn::cli
