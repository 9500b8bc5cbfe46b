// `jitattn tune --from`: the problems of a file, each once, as they were missed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Json = nlohmann::json;

class TuneFromTest : public testing::Test {
 protected:
  TuneFromTest() {
    WriteFile(file_,
              "# a comment\n" + kCold + "\n" + kCausal + "\n\n" + kCausal +
                  "\n--op attention --seq 16 --head-dim 8 --kv-seq 15 --causal --threads 1\n");
  }

  ProcessResult Run(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"tune", "--from", file_, "--evaluations",
                                          "1",    "--time", "100"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunJitattn(cache_, arguments);
  }
  Json RunAsJson(std::vector<std::string> more, int exit_code = 0) {
    more.push_back("--json");
    const ProcessResult result = Run(more);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  const std::string kCold = "--op sigmoid-mul --rows 4 --cols 32 --threads 1 --buffers cold";
  const std::string kCausal = "--op attention --seq 16 --head-dim 8 --causal --threads 1";
  const TempDir cache_, folder_;
  const std::string file_ = folder_ / "misses.txt";
};

TEST_F(TuneFromTest, EachProblemIsTunedOnceUnderItsConditions) {
  const Json first = RunAsJson({});
  ASSERT_THAT(first["problems"], SizeIs(2));  // 15 keys share the record of 16
  const std::string isa(Name(HostCpu().isa));
  EXPECT_EQ(first["problems"][0]["record"]["key"], "silu_f32.r1c128.t1." + isa + ".cold");
  EXPECT_EQ(first["problems"][1]["record"]["key"],
            "attn_f32_d8_causal.b1h1g1.q16k16.t1." + isa + ".hot");
  EXPECT_THAT(first["skipped"], IsEmpty());
  EXPECT_THAT(FilesUnder(cache_.path()), SizeIs(2));

  const Json second = RunAsJson({});
  EXPECT_THAT(second["problems"], IsEmpty());
  EXPECT_THAT(second["skipped"], SizeIs(2));
  EXPECT_THAT(Run({}).out, HasSubstr("--force"));

  const Json forced = RunAsJson({"--force"});
  EXPECT_THAT(forced["problems"], SizeIs(2));
  EXPECT_THAT(forced["skipped"], IsEmpty());
}

TEST_F(TuneFromTest, ARecordWithOtherCodeIsNotFresh) {
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  RunAsJson({});
  const std::string record = FilesUnder(cache_.path()).front();
  std::string text = ReadFile(record);
  const std::string key = "code_hash = \"0x";
  const size_t at = text.find(key) + key.size();
  ASSERT_LT(at, text.size());
  text[at] = text[at] == '1' ? '2' : '1';
  WriteFile(record, text);
  chmod(record.c_str(), 0600);
  const Json again = RunAsJson({});
  EXPECT_THAT(again["problems"], SizeIs(1));
  EXPECT_THAT(again["skipped"], SizeIs(1));
}

TEST_F(TuneFromTest, BadLinesDoNotStopGoodOnes) {
  std::string bad;
  for (int i = 0; i < 15; ++i) bad += "\x1b[31m" + std::to_string(i) + "\n";
  WriteFile(file_, bad + kCausal + "\n");
  const ProcessResult result = Run({"--quiet"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(FilesUnder(cache_.path()), SizeIs(1));
  EXPECT_THAT(result.err, Mentions({file_ + ":1: ", file_ + ":10: ", "5 more"}));
  EXPECT_THAT(result.err, testing::Not(HasSubstr("\x1b")));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 11) << result.err;
  const Json json = RunAsJson({}, 1);
  EXPECT_THAT(json["bad_lines"], SizeIs(15));
  EXPECT_THAT(json["skipped"], SizeIs(1));
}

TEST_F(TuneFromTest, LinesOfAnotherMachineAreBad) {
  WriteFile(file_, kCausal + " --isa avx2\n");
  const ProcessResult result = Run({"--isa", "none"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, Mentions({":1: ", "avx2", "none"}));
}

TEST_F(TuneFromTest, AnEmptyFileIsNoError) {
  WriteFile(file_, "# nothing\n");
  const ProcessResult result = Run({});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("nothing is tuned"));
}

}  // namespace
}  // namespace jitattn::cli
