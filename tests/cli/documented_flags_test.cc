// Defect 7 of the study: flags in the README that the code had not.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

// Command lines in a document: what follows "jitattn COMMAND" up to the end of the line, or of the
// code that it stands in.
TEST(DocumentedFlagsTest, EveryCommandLineUsesFlagsThatThereAre) {
  static const std::regex kCommand(
      R"((?:jitattn|\./dev) (tune|run|cache|cpu|show|bench|roofline|replay|compare|audit|plot|report)\b([^`\n|]*))");
  static const std::regex kFlag(R"(--[a-z][a-z-]*)");
  const TempDir folder;
  std::map<std::string, std::string> help;
  std::vector<std::filesystem::path> documents = {JITATTN_SOURCE_DIR "/README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(JITATTN_SOURCE_DIR "/docs")) {
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  }
  int flags = 0;
  for (const auto& document : documents) {
    const std::string text = ReadFile(document);
    for (std::sregex_iterator line(text.begin(), text.end(), kCommand), end; line != end; ++line) {
      const std::string command = (*line)[1], rest = (*line)[2];
      if (!help.contains(command)) help[command] = RunJitattn(folder, {command, "--help"}).out;
      for (std::sregex_iterator flag(rest.begin(), rest.end(), kFlag); flag != end; ++flag) {
        const std::regex whole(flag->str() + "(?![a-z-])");
        const bool known = command == "cache" || std::regex_search(help[command], whole);
        EXPECT_TRUE(known) << document << ": jitattn " << command << " has no " << flag->str();
        ++flags;
      }
    }
  }
  EXPECT_GT(flags, 30);  // the documents were found and read
}

}  // namespace
}  // namespace jitattn::cli
