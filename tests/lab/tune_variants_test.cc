// tune --layout and --variants: what is compared, what a report says, and what is saved.

#include "lab/tune_variants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lab/variants_report.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ops::Layout;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ops::Problem Heads(int64_t heads) {
  return ops::AttentionProblem{
      .heads = heads, .kv_heads = heads, .q_len = 16, .kv_len = 16, .head_dim = 8, .value_dim = 8};
}

std::vector<std::string> Names(const ops::Problem& problem, std::vector<std::string> words) {
  std::vector<std::string> names;
  for (const auto& v : ExpandVariants(problem, Layout::kColumns, words)) names.push_back(NameOf(v));
  return names;
}

TEST(ExpandVariants, AsAskedThenWhatIsNamed) {
  EXPECT_THAT(Names(Heads(2), {"f64", "bf16"}),
              ElementsAre("f32, columns", "f64, columns", "bf16, columns"));
  EXPECT_THAT(Names(Heads(2), {"layout"}), ElementsAre("f32, columns", "f32, heads"));
  EXPECT_THAT(Names(Heads(2), {"layout", "f16"}),
              ElementsAre("f32, columns", "f32, heads", "f16, heads", "f16, columns"));
  EXPECT_THAT(Names(Heads(2), {"columns", "f32"}), ElementsAre("f32, columns"));
  EXPECT_THAT(Names(Heads(1), {"dtype", "layout"}), ElementsAre("f32", "f64", "bf16", "f16"));
  EXPECT_THAT(Names(ops::SigmoidMulProblem{.rows = 2, .cols = 2}, {"dtype", "heads"}),
              ElementsAre("f32", "f64", "bf16", "f16"));
}

nlohmann::json Variants(const cli::TempDir& cache, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"tune", "--op", "attention", "--dim", "32", "--evaluations",
                                       "3", "--time", "4", "--json", "--variants"});
  const cli::ProcessResult result = cli::RunJitattn(cache, arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  return json["variants"][0];
}

TEST(TuneVariantsTest, GatesAndRecords) {
  const cli::TempDir cache;
  const auto judged = Variants(cache, {"layout,f64,bf16", "--heads", "2", "--max-error", "1e-4"});
  ASSERT_THAT(judged["variants"], SizeIs(6));
  for (const auto& variant : judged["variants"]) {
    const std::string name = variant["name"];
    const bool asked_layout = name.find("columns") != name.npos;
    const bool exact = name.find("bf16") == name.npos;
    EXPECT_EQ(variant["path"].is_string(), asked_layout && exact) << variant;
    EXPECT_EQ(variant["failed"].is_null(), exact) << variant;
    EXPECT_EQ(variant["operand_bytes"], 4 * 32 * 32 * (name.find("f64") == 0 ? 8 : exact ? 4 : 2));
  }
  EXPECT_THAT(cli::FilesUnder(cache.path()), SizeIs(2));
  EXPECT_THAT(judged["variants"][0]["name"], "f32, columns");
  for (const auto& candidate : judged["candidates"]) {
    EXPECT_LE(candidate["evaluation"]["max_error"], 1e-4);
    EXPECT_GE(candidate["evaluation"]["samples"], 3);
  }
}

// bf16 cannot be within the error; what was asked for is then no candidate, and not saved.
TEST(TuneVariantsTest, ABaselineThatIsNotExactEnough) {
  const cli::TempDir cache;
  const auto judged = Variants(cache, {"f32", "--dtype", "bf16", "--max-error", "1e-4"});
  ASSERT_THAT(judged["variants"], SizeIs(2));
  EXPECT_EQ(judged["candidates"][0]["kept"], false);
  EXPECT_THAT(judged["candidates"][0]["reason"].get<std::string>(), Mentions({"0.0001"}));
  EXPECT_TRUE(judged["variants"][0]["path"].is_null());
  EXPECT_TRUE(judged["variants"][1]["path"].is_string());
}

TEST(TuneVariantsTest, TextNamesTheFinalCandidate) {
  const cli::TempDir cache;
  const std::vector<std::string> arguments = {"tune", "--rows",        "8",      "--cols",
                                              "64",   "--evaluations", "2",      "--time",
                                              "4",    "--variants",    "f64,f16"};
  const cli::ProcessResult shown = cli::RunJitattn(cache, arguments);
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, Mentions({"f32", "f64", "f16", cache.path()}));
  std::vector<std::string> quietly = arguments;
  quietly.push_back("--quiet");
  const cli::ProcessResult quiet = cli::RunJitattn(cache, quietly);
  EXPECT_THAT(quiet.err, IsEmpty());
  EXPECT_EQ(std::count(quiet.out.begin(), quiet.out.end(), '\n'), 1) << quiet.out;
}

TEST(TuneVariantsTest, CtrlCJudgesWhatIsThere) {
  const cli::TempDir cache;
  cli::Process process(
      cli::JitattnCommand({"tune", "--dim", "64", "--op", "attention", "--evaluations", "500",
                           "--time", "600", "--variants", "dtype"}),
      {.env = {{"JITATTN_CACHE_DIR", cache.path()}}});
  ASSERT_TRUE(process.WaitForError("best "));
  process.Signal(SIGINT);
  const cli::ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_THAT(result.out, Mentions({"f32", "f64"}));
  EXPECT_THAT(cli::FilesUnder(cache.path()), SizeIs(1));
}

// run has the heads in the columns, and finds a record whatever the layout it was measured on.
TEST(TuneLayoutTest, IsNotedAndFound) {
  const cli::TempDir cache;
  auto layout = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"tune", "--op", "attention", "--evaluations", "2", "--time", "4", "--json"});
    const cli::ProcessResult result = cli::RunJitattn(cache, more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto json = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    return json["problems"][0]["record"]["layout"].get<std::string>();
  };
  EXPECT_EQ(layout({"--dim", "32", "--heads", "2"}), "columns");
  EXPECT_EQ(layout({"--seq", "32", "--head-dim", "16", "--heads", "3"}), "heads");
  EXPECT_EQ(layout({"--dim", "32"}), "heads") << "one head";
  EXPECT_EQ(layout({"--dim", "32", "--heads", "4", "--layout", "heads"}), "heads");
  const cli::ProcessResult run = cli::RunJitattn(
      cache, {"run", "--op", "attention", "--dim", "32", "--heads", "4", "--check", "--json"});
  const auto json = nlohmann::json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  EXPECT_EQ(json["runs"][0]["match"], "exact") << run.out;
  EXPECT_EQ(json["runs"][0]["check"]["correct"], true) << run.out;
}

}  // namespace
}  // namespace jitattn::lab
