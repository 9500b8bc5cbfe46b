// jitattn becomes jitattn-lab for the laboratory's commands and flags.

#include "cli/laboratory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

namespace fs = std::filesystem;

// A copy of the command in bin/ of a folder of its own, without its second program.
class LaboratoryTest : public testing::Test {
 protected:
  LaboratoryTest() {
    fs::create_directories(folder_ / "bin");
    fs::create_directories(folder_ / "libexec/jitattn");
    fs::copy_file(JITATTN_BINARY_DIR "/jitattn", folder_ / "bin/jitattn");
  }

  ProcessResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), folder_ / "bin/jitattn");
    return Process(arguments, {.env = {{"JITATTN_CACHE_DIR", folder_ / "cache"}}}).Finish();
  }

  const TempDir folder_;
};

TEST_F(LaboratoryTest, AMissingProgramIsNamed) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"bench", "--help"},
                                                    {"tune", "--dim", "8", "--record", "r.json"}}) {
    const ProcessResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, Mentions({folder_ / "bin/jitattn-lab"}));
  }
  EXPECT_EQ(Run({"run", "--dim", "8", "--check"}).exit_code, 0);
}

TEST_F(LaboratoryTest, AProgramThatDoesNotStartIsNamedWithTheReason) {
  WriteFile(folder_ / "bin/jitattn-lab", "not executable");
  const ProcessResult result = Run({"bench", "--help"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, Mentions({folder_ / "bin/jitattn-lab", "Permission denied"}));
}

TEST_F(LaboratoryTest, IsFoundBesideAndInLibexec) {
  for (const char* place : {"libexec/jitattn/jitattn-lab", "bin/jitattn-lab"}) {
    WriteFile(folder_ / place, "#!/bin/sh\necho " + std::string(place) + " \"$@\"\n");
    fs::permissions(folder_ / place, fs::perms::owner_all);
    EXPECT_EQ(Run({"bench", "--dim", "8"}).out, std::string(place) + " bench --dim 8\n");
  }
}

// Whoever asks for help does not see which program answers.
TEST(LaboratoryHelpTest, IsTheSameOfBothPrograms) {
  const auto help = [](const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), JITATTN_BINARY_DIR "/" + program);
    arguments.emplace_back("--help");
    return Process(arguments, {}).Finish().out;
  };
  std::vector<std::vector<std::string>> all = {{}, {"tune"}, {"run"}};
  for (const LaboratoryCommand& command : LaboratoryCommands()) all.push_back({command.name});
  for (const std::vector<std::string>& arguments : all) {
    const std::string text = help("jitattn", arguments);
    EXPECT_NE(text, "");
    EXPECT_EQ(text, help("jitattn-lab", arguments));
  }
}

}  // namespace
}  // namespace jitattn::cli
