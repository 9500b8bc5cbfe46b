// What a careless user types: one clear line, the right exit code, and nothing harmed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Case {
  std::vector<std::string> arguments;
  std::vector<std::string> data;  // that the message carries
  int exit_code = 2;
};

void ExpectError(const TempDir& cache, const Case& wrong) {
  std::string line;
  for (const std::string& argument : wrong.arguments) line += " " + argument;
  SCOPED_TRACE("jitattn" + line);
  const ProcessResult result = RunJitattn(cache, wrong.arguments);
  EXPECT_EQ(result.exit_code, wrong.exit_code);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith("jitattn: "));
  EXPECT_THAT(result.err, Mentions(wrong.data));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST(ErrorsTest, WrongUsage) {
  const TempDir cache;
  const Case cases[] = {
      {{}, {}},
      {{"tuen", "--dim", "64"}, {"tuen", "tune"}},
      {{"tune"}, {"--dim"}},
      {{"tune", "--dim", "0"}, {"--dim", "0", "1"}},
      {{"tune", "--dim", "-3"}, {"--dim", "-3", "1"}},
      {{"tune", "--dim=-3"}, {"--dim", "-3", "1"}},
      {{"tune", "--dim", "64", "0"}, {"--dim", "0"}},
      {{"tune", "--dim", "64,x"}, {"--dim", "x"}},
      {{"tune", "--dim", "99999999999999999999"}, {"99999999999999999999"}},
      {{"tune", "--dim", "9000000000000000000"}, {"9000000000000000000"}},
      {{"tune", "--dim", "8192"}, {"8192"}},  // one head of 8192 columns
      {{"tune", "--preset", "cliffs"}, {"--preset", "cliffs"}},
      {{"tune", "--preset", "squares"}, {"squares", "square"}},
      {{"tune", "--preset", "square", "--causal"}, {"--causal", "--preset"}},
      {{"tune", "--preset", "square", "--record", "f"}, {"--record", "--preset"}},
      {{"tune", "--preset", "square", "--space", "study-a"}, {"study-a", "--preset"}},
      {{"tune", "--from", "f", "--dim", "64"}, {"--dim", "--from"}},
      {{"tune", "--from", "f", "--threads", "2"}, {"--threads", "--from"}},
      {{"tune", "--from", "f", "--stale"}, {"--stale", "--from"}},
      {{"tune", "--from", "f", "--preset", "square"}, {"--preset", "--from"}},
      {{"tune", "--from", "f", "--variants", "f64"}, {"--variants", "--from"}},
      {{"tune", "--from", ""}, {"--from", "empty"}},
      {{"tune", "--dim", "64", "--force"}, {"--force", "--from"}},
      {{"tune", "--dim", "64", "--csv", ""}, {"--csv", "empty"}},
      {{"tune", "--dim", "64", "--record", ""}, {"--record", "empty"}},
      {{"show", "--op", "attention", "--dim", "64", "--raw", ""}, {"--raw", "empty"}},
      {{"audit", "--dim", "64", "--csv", ""}, {"--csv", "empty"}},
      {{"compare", "--dim", "64", "--csv", ""}, {"--csv", "empty"}},
      {{"compare", "--softcap", "30", "--seq", "8", "--head-dim", "8"}, {"'30'", "--strategies"}},
      {{"tune", "--softcap", "30", "--seq", "8", "--head-dim", "8"}, {"'30'"}},
      {{"tune", "--dim", "1024", "--heads", "7"}, {"--heads", "7", "1024"}},
      {{"tune", "--dim", "64", "--heads", "4", "--kv-heads", "3"}, {"3"}},
      {{"tune", "--dim", "64", "--strategy", "magic"}, {"magic", "auto"}},
      {{"tune", "--dim", "64", "--strategy", "genetik"}, {"genetik", "genetic"}},
      {{"tune", "--dim", "64", "--strategy-option", "x"}, {"NAME=VALUE"}},
      {{"tune", "--dim", "64", "--strategy-option", "no_such=1"}, {"no_such"}},
      {{"tune", "--dim", "64", "--dtype", "float23"}, {"float23"}},
      {{"tune", "--dim", "64", "--dtype", "f23"}, {"f23", "f32"}},
      {{"tune", "--dim", "64", "--op", "atention"}, {"atention", "attention"}},
      {{"tune", "--dim", "64", "--isa", "avx"}, {"avx"}},
      {{"tune", "--dim", "64", "--buffers", "warm"}, {"warm"}},
      {{"tune", "--dim", "64", "--evaluations", "0"}, {"--evaluations", "0"}},
      {{"tune", "--dim", "64", "--time", "0"}, {"--time", "0"}},
      {{"tune", "--dim", "64", "--time", "nan"}, {"--time", "nan"}},
      {{"tune", "--dim", "64", "--objective", "speed"}, {"speed", "time"}},
      {{"tune", "--dim", "64", "--objective", "memory"}, {"--objective", "time"}},
      {{"tune", "--dim", "64", "--max-memory", "1KB"}, {"--max-memory", "1KB"}},
      {{"tune", "--dim", "64", "--max-error", "0"}, {"--max-error", "0"}},
      {{"tune", "--dim", "64", "--layout", "rows"}, {"layout", "rows"}},
      {{"tune", "--dim", "64", "--variants", "f23"}, {"f23"}},
      {{"tune", "--dim", "64", "--variants", "f64", "--record", "x.json"},
       {"--record", "--variants"}},
      {{"tune", "--dim", "64", "--variants", "f64", "--csv", "x.csv"}, {"--csv", "--variants"}},
      {{"tune", "--dim", "64", "--variants", "f64", "--objective", "time,error"},
       {"--objective", "--variants"}},
      {{"tune", "--dim", "64", "--variants", "f64", "--space", "study-a"},
       {"study-a", "--variants"}},
      {{"tune", "--dim", "64", "--min-gain", "0.1"}, {"--min-gain", "--variants"}},
      {{"tune", "--dim", "64", "--variants", "f64", "--min-gain", "-1"}, {"--min-gain", "-1"}},
      {{"tune", "--dim", "64", "--op", "attention", "--variants", "layout,f32"},
       {"--variants", "layout,f32", "attention"}},
      {{"tune", "--rows", "4", "--cols", "64", "--layout", "heads"}, {"--layout"}},
      {{"tune", "--dim", "64", "--threads", "0"}, {"--threads", "0"}},
      {{"tune", "--dim", "64", "--head", "2"}, {"--head", "--heads"}},
      {{"tune", "64"}, {"64"}},
      {{"tune", "--op", "sigmoid-mul", "--dim", "64", "--causal"}, {"--causal", "sigmoid-mul"}},
      {{"audit", "--dim", "64", "--runs", "1"}, {"--runs", "1", "2"}},
      {{"audit", "--causal", "--op", "sigmoid-mul"}, {"--causal", "sigmoid-mul"}},
      {{"audit", "--dtype", "f64"}, {"--dim"}},
      {{"run", "--dim", "64", "--out", "x.npy"}, {"--op"}},
      {{"run", "--dim", "64", "--op", "sigmoid-mul", "--config", "magic=1"}, {"magic"}},
      {{"run", "--dim", "64", "--config", "algorithm=columns"}, {"columns"}},
      {{"run", "--dim", "64", "--op", "attention", "--config", "algorithm=columns"},
       {"columns", "tiles", "rows", "portable"}},
      {{"run", "--dim", "64", "--op", "attention", "--config", "lanes=columns"}, {"lanes=columns"}},
      {{"run", "--dim", "64", "--op", "attention", "--config", "pv=sideways"}, {"pv=sideways"}},
      {{"tune", "--dim", "64", "--op", "attention", "--fields", "pv_form=1"},
       {"pv_form", "algorithm"}},
      {{"run", "--q", "a.npy"}, {"--q", "--k", "--v"}},
      {{"run", "--q", "a.npy", "--x", "b.npy"}, {"--x", "sigmoid-mul"}},
      {{"run", "--dim", "64", "--alpha", "2"}, {"--alpha", "quick-gelu"}},
      {{"run", "--rows", "4", "--cols", "4", "--scale", "2"}, {"--scale", "attention"}},
      {{"run", "--op", "sigmoid-mul", "--dim", "8", "--softcap", "2"}, {"--softcap"}},
      {{"run", "--dim", "8", "--gate", "two", "--limit", "-1"}, {"--limit", "-1"}},
      {{"run", "--dim", "8", "--gate", "two", "--up-offset", "inf"}, {"--up-offset", "inf"}},
      {{"run", "--dim", "8,16", "--lse-out", "x.npy"}, {"--lse-out", "2", "--op"}},
      {{"show", "--dim", "64", "--raw", "x"}, {"--op"}},
      {{"cache"}, {}},
      {{"cache", "lsit"}, {"lsit", "list"}},
      {{"cache", "show"}, {"KEY"}},
      {{"cpu", "--mesure"}, {"--mesure", "--measure"}},
  };
  for (const Case& wrong : cases) ExpectError(cache, wrong);
  EXPECT_THAT(FilesUnder(cache.path()), IsEmpty());
}

TEST(ErrorsTest, UnusableFiles) {
  const TempDir folder;
  const std::string missing = folder / "missing.npy", text = folder / "text.npy",
                    f32 = folder / "f32.npy", f64 = folder / "f64.npy", cube = folder / "cube.npy";
  WriteFile(text, "not an array");
  const std::vector<double> zeros(8 * 8);
  ASSERT_TRUE(WriteNpy(f32, DType::kF32, {8, 8}, zeros.data()).ok());
  ASSERT_TRUE(WriteNpy(f64, DType::kF64, {8, 8}, zeros.data()).ok());
  ASSERT_TRUE(WriteNpy(cube, DType::kF32, {4, 4, 4}, zeros.data()).ok());
  const Case cases[] = {
      {{"run", "--x", missing}, {missing}, 1},
      {{"run", "--x", text}, {text}, 1},
      {{"run", "--x", folder.path()}, {folder.path()}, 1},
      {{"run", "--x", f32, "--dim", "16"}, {f32, "8 × 8", "16 × 16"}},
      {{"run", "--x", f32, "--dtype", "f64"}, {f32, "f32", "f64"}},
      {{"run", "--q", f32, "--k", f64, "--v", f32}, {f64, "f64", "f32"}},
      {{"run", "--q", f32, "--k", f32, "--v", f32, "--heads", "3"}, {"3", "8"}},
      {{"run", "--q", cube, "--k", cube, "--v", f32}, {f32, "8 × 8", "4 × 8"}},
      {{"tune", "--from", missing}, {missing}, 1},
      {{"tune", "--from", folder.path()}, {folder.path()}, 1},
      {{"tune", "--from", text}, {text, ":1: ", "--op"}, 1},
      {{"cache", "show", "no.such.key"}, {"no.such.key"}, 1},
  };
  for (const Case& wrong : cases) ExpectError(folder, wrong);
}

// What was printed before a file could not be written is complete.
TEST(ErrorsTest, AListingSurvivesItsFile) {
  const TempDir folder;
  WriteFile(folder / "file", "");
  const ProcessResult result = RunJitattn(folder, {"show", "--op", "sigmoid-mul", "--dim", "32",
                                                   "--json", "--raw", folder / "file/below"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, Mentions({folder / "file/below", std::strerror(ENOTDIR)}));
  EXPECT_THAT(result.out, testing::EndsWith("}\n"));
}

// A cache that nobody can write to: what only reads works, and what writes says so at once.
TEST(ErrorsTest, AReadOnlyCache) {
  const TempDir folder;
  WriteFile(folder / "file", "");
  const ProcessOptions read_only = {.env = {{"JITATTN_CACHE_DIR", folder / "file/below"}}};
  WriteFile(folder / "misses.txt", "--op sigmoid-mul --dim 32\n");
  for (const std::vector<std::string>& writes : {std::vector<std::string>{"tune", "--dim", "32"},
                                                 {"tune", "--from", folder / "misses.txt"}}) {
    const ProcessResult result = RunJitattn(folder, writes, read_only);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, Mentions({folder / "file/below", "not tuned"}));
  }
  const ProcessResult run = RunJitattn(folder, {"run", "--dim", "32", "--check"}, read_only);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, IsEmpty());
}

TEST(ErrorsTest, IsaAboveTheCapIsRefused) {
  const TempDir cache;
  const ProcessResult result = RunJitattn(cache, {"run", "--dim", "16", "--isa", "avx2"},
                                          {.env = {{"JITATTN_MAX_ISA", "none"}}});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, Mentions({"--isa", "avx2", "none"}));
}

TEST(ErrorsTest, FullOutputIsAnError) {
  const TempDir cache;
  Process process({"/bin/sh", "-c", std::string(JITATTN_BINARY_DIR) + "/jitattn cpu > /dev/full"},
                  {});
  const ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(std::strerror(ENOSPC)));
}

TEST(ErrorsTest, HelpNamesEveryCommandAndFlag) {
  const TempDir cache;
  const ProcessResult top = RunJitattn(cache, {"--help"});
  EXPECT_EQ(top.exit_code, 0);
  for (const char* command : {"tune", "run", "cache", "cpu", "show"}) {
    EXPECT_THAT(top.out, HasSubstr(command));
    EXPECT_EQ(RunJitattn(cache, {command, "--help"}).exit_code, 0) << command;
  }
  const ProcessResult strategy = RunJitattn(cache, {"tune", "--strategy", "genetic", "--help"});
  EXPECT_EQ(strategy.exit_code, 0);
  EXPECT_THAT(strategy.out, Mentions({"genetic", "mutation="}));
}

}  // namespace
}  // namespace jitattn::cli
