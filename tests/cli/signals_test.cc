// Signals while something is under way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using ::testing::SizeIs;

std::vector<std::string> Tune(const std::string& evaluations) {
  return JitattnCommand(
      {"tune", "--dim", "64", "--op", "attention", "--evaluations", evaluations, "--time", "600"});
}

TEST(Signals, TermStopsWithTheCodeThatSchedulersExpect) {
  const TempDir cache;
  Process process(Tune("500"), {.env = {{"JITATTN_CACHE_DIR", cache.path()}}});
  ASSERT_TRUE(process.WaitForError("best "));
  process.Signal(SIGTERM);
  const ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 143) << result.err;
  EXPECT_THAT(FilesUnder(cache.path()), SizeIs(1));
}

// As a script starts it in the background, and as nohup does.
TEST(Signals, WhatWasIgnoredStaysIgnored) {
  const TempDir cache;
  Process process(Tune("12"),
                  {.env = {{"JITATTN_CACHE_DIR", cache.path()}}, .ignored_signals = {SIGINT}});
  ASSERT_TRUE(process.WaitForError("evaluations"));
  process.Signal(SIGINT);
  const ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(FilesUnder(cache.path()), SizeIs(1));
}

}  // namespace
}  // namespace jitattn::cli
