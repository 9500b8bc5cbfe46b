// The log hook and the environment.

#include "base/log.h"

#include <stdlib.h>

#include <string>
#include <vector>

#include "base/env.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jitattn {
namespace {

using ::testing::ElementsAre;

struct Collected {
  std::vector<std::string> lines;
  static void Add(int level, const char* message, void* to) {
    static_cast<Collected*>(to)->lines.push_back(std::to_string(level) + " " + message);
  }
};

TEST(LogTest, HookSeesEveryLevelUntilItIsTakenBack) {
  Collected collected;
  SetLogHook(&Collected::Add, &collected);
  Log(LogLevel::kError, "e");
  Log(LogLevel::kWarning, "w");
  Log(LogLevel::kInfo, "i");
  SetLogHook(nullptr, nullptr);
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kWarning, "to stderr");
  Log(LogLevel::kInfo, "nowhere");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "jitattn: to stderr\n");
  EXPECT_THAT(collected.lines, ElementsAre("1 e", "2 w", "3 i"));
}

TEST(LogTest, HookMayLog) {
  Collected collected;
  SetLogHook(
      [](int level, const char* message, void* to) {
        SetLogHook(&Collected::Add, to);
        Log(static_cast<LogLevel>(level), std::string("again: ") + message);
      },
      &collected);
  Log(LogLevel::kError, "e");
  SetLogHook(nullptr, nullptr);
  EXPECT_THAT(collected.lines, ElementsAre("1 again: e"));
}

TEST(EnvTest, EmptyIsUnset) {
  setenv("JITATTN_TEST_VARIABLE", "value", 1);
  EXPECT_STREQ(Env("JITATTN_TEST_VARIABLE"), "value");
  setenv("JITATTN_TEST_VARIABLE", "", 1);
  EXPECT_EQ(Env("JITATTN_TEST_VARIABLE"), nullptr);
  unsetenv("JITATTN_TEST_VARIABLE");
  EXPECT_EQ(Env("JITATTN_TEST_VARIABLE"), nullptr);
}

}  // namespace
}  // namespace jitattn
