// What a careless user types: one clear line, the right exit code, and nothing harmed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Case {
  std::vector<std::string> arguments;
  std::string message;  // part of it
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
  EXPECT_THAT(result.err, HasSubstr(wrong.message));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST(ErrorsTest, WrongUsage) {
  const TempDir cache;
  const Case cases[] = {
      {{}, "a command is missing"},
      {{"tuen", "--dim", "64"}, "unknown command 'tuen'; did you mean tune?"},
      {{"tune"}, "no problem is given"},
      {{"tune", "--dim", "0"}, "--dim: 0 is too small; at least 1"},
      {{"tune", "--dim", "-3"}, "--dim: -3 is too small; at least 1"},
      {{"tune", "--dim=-3"}, "--dim: -3 is too small; at least 1"},
      {{"tune", "--dim", "64", "0"}, "--dim: 0 is too small"},
      {{"tune", "--dim", "64,x"}, "--dim: 'x' is not a whole number"},
      {{"tune", "--dim", "99999999999999999999"}, "not a whole number in range"},
      {{"tune", "--dim", "9000000000000000000"}, "9000000000000000000"},
      {{"tune", "--dim", "8192"}, "8192"},  // one head of 8192 columns
      {{"tune", "--preset", "cliffs"}, "--preset cliffs has nothing to tune"},
      {{"tune", "--preset", "squares"}, "did you mean square?"},
      {{"tune", "--preset", "square", "--causal"}, "--causal has no effect on --preset square"},
      {{"tune", "--preset", "square", "--record", "f"}, "--record has no effect on --preset"},
      {{"tune", "--preset", "square", "--space", "study-a"}, "study-a has no effect on --preset"},
      {{"tune", "--dim", "1024", "--heads", "7"}, "--heads 7 does not divide --dim 1024"},
      {{"tune", "--dim", "64", "--heads", "4", "--kv-heads", "3"}, "3"},
      {{"tune", "--dim", "64", "--strategy", "magic"},
       "unknown strategy 'magic'; expected one of auto, "},
      {{"tune", "--dim", "64", "--strategy", "genetik"}, "did you mean genetic?"},
      {{"tune", "--dim", "64", "--strategy-option", "x"}, "NAME=VALUE"},
      {{"tune", "--dim", "64", "--strategy-option", "no_such=1"}, "no_such"},
      {{"tune", "--dim", "64", "--dtype", "float23"}, "unknown type 'float23'"},
      {{"tune", "--dim", "64", "--dtype", "f23"}, "did you mean f32?"},
      {{"tune", "--dim", "64", "--op", "atention"}, "did you mean attention?"},
      {{"tune", "--dim", "64", "--isa", "avx"}, "unknown instruction set 'avx'"},
      {{"tune", "--dim", "64", "--buffers", "warm"}, "unknown kind of buffers 'warm'"},
      {{"tune", "--dim", "64", "--evaluations", "0"}, "--evaluations: 0 is too small"},
      {{"tune", "--dim", "64", "--time", "0"}, "--time: '0' is not a number above 0"},
      {{"tune", "--dim", "64", "--time", "nan"}, "not a number above 0"},
      {{"tune", "--dim", "64", "--objective", "speed"},
       "unknown objective 'speed'; expected one of time"},
      {{"tune", "--dim", "64", "--objective", "memory"}, "--objective: time must be among them"},
      {{"tune", "--dim", "64", "--max-memory", "1KB"}, "--max-memory: '1KB' is no size"},
      {{"tune", "--dim", "64", "--max-error", "0"}, "--max-error: '0' is not a number above 0"},
      {{"tune", "--dim", "64", "--layout", "rows"}, "unknown layout 'rows'"},
      {{"tune", "--dim", "64", "--variants", "f23"}, "unknown variant 'f23'"},
      {{"tune", "--dim", "64", "--variants", "f64", "--record", "x.json"},
       "--record has no effect on --variants"},
      {{"tune", "--dim", "64", "--variants", "f64", "--csv", "x.csv"},
       "--csv has no effect on --variants"},
      {{"tune", "--dim", "64", "--variants", "f64", "--objective", "time,error"},
       "--objective has no effect on --variants"},
      {{"tune", "--dim", "64", "--variants", "f64", "--space", "study-a"},
       "--space study-a has no effect on --variants"},
      {{"tune", "--dim", "64", "--min-gain", "0.1"}, "--min-gain has no effect without --variants"},
      {{"tune", "--dim", "64", "--variants", "f64", "--min-gain", "-1"},
       "--min-gain: '-1' is not a number above 0"},
      {{"tune", "--dim", "64", "--op", "attention", "--variants", "layout,f32"},
       "--variants layout,f32: there is no other of attention"},
      {{"tune", "--rows", "4", "--cols", "64", "--layout", "heads"}, "--layout has no effect on"},
      {{"tune", "--dim", "64", "--threads", "0"}, "--threads: 0 is too small"},
      {{"tune", "--dim", "64", "--head", "2"}, "unknown flag '--head'; did you mean --heads?"},
      {{"tune", "64"}, "unexpected word '64'"},
      {{"tune", "--op", "sigmoid-mul", "--dim", "64", "--causal"}, "--causal has no effect on"},
      {{"audit", "--dim", "64", "--runs", "1"}, "--runs: 1 is too small; at least 2"},
      {{"audit", "--causal", "--op", "sigmoid-mul"}, "--causal has no effect on"},
      {{"audit", "--dtype", "f64"}, "no problem is given"},
      {{"run", "--dim", "64", "--out", "x.npy"}, "--op chooses"},
      {{"run", "--dim", "64", "--op", "sigmoid-mul", "--config", "magic=1"}, "magic"},
      {{"run", "--dim", "64", "--config", "algorithm=columns"}, "columns"},
      {{"run", "--dim", "64", "--op", "attention", "--config", "algorithm=columns"},
       "expected one of tiles, rows, portable"},
      {{"run", "--dim", "64", "--op", "attention", "--config", "lanes=columns"}, "lanes=columns"},
      {{"run", "--dim", "64", "--op", "attention", "--config", "pv=sideways"}, "pv=sideways"},
      {{"tune", "--dim", "64", "--op", "attention", "--fields", "pv_form=1"},
       "no field is called 'pv_form'; expected one of algorithm, "},
      {{"run", "--q", "a.npy"}, "--q, --k and --v belong together"},
      {{"run", "--q", "a.npy", "--x", "b.npy"}, "--x belongs to sigmoid-mul"},
      {{"show", "--dim", "64", "--raw", "x"}, "--op chooses"},
      {{"cache"}, "a command is missing"},
      {{"cache", "lsit"}, "did you mean list?"},
      {{"cache", "show"}, "KEY"},
      {{"cpu", "--mesure"}, "did you mean --measure?"},
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
      {{"run", "--x", missing}, "cannot open " + missing + ": No such file", 1},
      {{"run", "--x", text}, text + ": not a usable .npy file", 1},
      {{"run", "--x", folder.path()}, "not a regular file", 1},
      {{"run", "--x", f32, "--dim", "16"}, f32 + ": its shape is 8 × 8, 16 × 16 is needed"},
      {{"run", "--x", f32, "--dtype", "f64"}, f32 + ": its elements are f32, f64 is needed"},
      {{"run", "--q", f32, "--k", f64, "--v", f32}, f64 + ": its elements are f64, f32 is needed"},
      {{"run", "--q", f32, "--k", f32, "--v", f32, "--heads", "3"}, "3 heads do not divide its 8"},
      {{"run", "--q", cube, "--k", cube, "--v", f32},
       f32 + ": its shape is 8 × 8, 4 × 8 is needed"},
      {{"cache", "show", "no.such.key"}, "no record has the key 'no.such.key'", 1},
  };
  for (const Case& wrong : cases) ExpectError(folder, wrong);
}

TEST(ErrorsTest, IsaAboveTheCapIsRefused) {
  const TempDir cache;
  const ProcessResult result = RunJitattn(cache, {"run", "--dim", "16", "--isa", "avx2"},
                                          {.env = {{"JITATTN_MAX_ISA", "none"}}});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--isa avx2: this "));
  EXPECT_THAT(result.err, HasSubstr("none"));
}

TEST(ErrorsTest, FullOutputIsAnError) {
  const TempDir cache;
  Process process({"/bin/sh", "-c", std::string(JITATTN_BINARY_DIR) + "/jitattn cpu > /dev/full"},
                  {});
  const ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot write the output: No space left on device"));
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
  EXPECT_THAT(strategy.out, HasSubstr("Strategy genetic"));
  EXPECT_THAT(strategy.out, HasSubstr("mutation="));
}

}  // namespace
}  // namespace jitattn::cli
