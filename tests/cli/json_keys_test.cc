// docs/json.md and the commands' output list the same keys: a key that is printed is documented,
// and a documented key is printed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using Json = nlohmann::json;
using Keys = std::set<std::string>;

// Section → rows of (key, type), as docs/json.md has them.
std::map<std::string, std::vector<std::pair<std::string, std::string>>> ReadDocument() {
  static const std::regex kRow(R"(^\| `([^`]+)` \| ([^|]+) \|)");
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> sections;
  std::istringstream lines(ReadFile(JITATTN_SOURCE_DIR "/docs/json.md"));
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("## ")) section = line.substr(3);
    if (std::regex_search(line, match, kRow)) sections[section].emplace_back(match[1], match[2]);
  }
  return sections;
}

// The keys of a section, with the sections that its types refer to put in their place.
void AddDocumented(const std::string& section, const std::string& prefix, Keys* keys) {
  static const std::regex kReference(R"(\(#(\w+)\))");
  static const auto document = ReadDocument();
  ASSERT_TRUE(document.contains(section)) << section;
  for (const auto& [key, type] : document.at(section)) {
    std::smatch match;
    if (std::regex_search(type, match, kReference)) {
      AddDocumented(match[1], prefix + key + ".", keys);
    } else {
      keys->insert(prefix + key);
    }
  }
}

// Paths of all leaves; an empty array or object is a leaf.
void AddPaths(const Json& json, const std::string& path, Keys* paths) {
  if (json.is_structured() && !json.empty()) {
    for (const auto& [key, value] : json.items()) {
      const std::string step = json.is_array() ? "[]" : path.empty() ? key : "." + key;
      AddPaths(value, path + step, paths);
    }
    return;
  }
  paths->insert(path);
}

bool Matches(const std::string& path, const std::string& documented) {
  if (documented.ends_with("*")) {
    return path.starts_with(documented.substr(0, documented.size() - 1));
  }
  return path == documented || path == documented + "[]";
}

// A container without elements shows less than is documented: "a" or "a.b" for "a.b[].c".
bool IsEmptyContainerOf(const std::string& path, const std::string& documented) {
  return documented.starts_with(path + "[]") || documented.starts_with(path + ".");
}

class JsonKeysTest : public testing::Test {
 protected:
  // Runs the command and adds the paths of its output.
  void Collect(std::vector<std::string> arguments, const std::set<int>& exit_codes = {0}) {
    arguments.push_back("--json");
    const ProcessResult result = RunJitattn(cache_, arguments);
    ASSERT_TRUE(exit_codes.contains(result.exit_code)) << result.err;
    const Json json = Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    ASSERT_FALSE(json.is_discarded()) << result.out;
    AddPaths(json, "", &printed_);
  }

  void Compare(const std::string& section) {
    Keys documented;
    AddDocumented(section, "", &documented);
    for (const std::string& path : printed_) {
      bool known = false;
      for (const std::string& key : documented) {
        known |= Matches(path, key) || IsEmptyContainerOf(path, key);
      }
      EXPECT_TRUE(known) << path << " is printed and not documented";
    }
    for (const std::string& key : documented) {
      bool seen = false;
      for (const std::string& path : printed_) {
        seen |= Matches(path, key) || IsEmptyContainerOf(key, path);
      }
      EXPECT_TRUE(seen) << key << " is documented and not printed";
    }
    printed_.clear();
  }

  static std::vector<std::string> With(std::vector<std::string> arguments,
                                       const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // A file in the place of a record, that no reader can use.
  void DamageOneRecord() {
    const std::vector<std::string> files = FilesUnder(cache_.path());
    ASSERT_FALSE(files.empty());
    WriteFile(files.front(), "this is no record");
  }

  const TempDir cache_, recordings_;
  Keys printed_;
};

TEST_F(JsonKeysTest, MatchTheDocument) {
  Collect({"tune", "--dim", "32", "--evaluations", "3", "--time", "120"});
  Collect(
      {"tune", "--dim", "32", "--evaluations", "3", "--time", "120", "--objective", "time,memory"});
  Collect({"tune", "--dim", "32", "--space", "study-a", "--evaluations", "3", "--time", "120"});
  const TempDir recordings;
  Collect({"tune", "--dim", "32", "--op", "sigmoid-mul", "--evaluations", "3", "--time", "120",
           "--record", recordings / "space.json"});
  const std::string recording = recordings_ / "space.json";
  Collect({"tune", "--op", "sigmoid-mul", "--dim", "32", "--evaluations", "9", "--time", "120",
           "--record", recording});
  Collect({"tune", "--dim", "16", "--heads", "2", "--evaluations", "2", "--time", "120",
           "--variants", "f64,heads,bf16", "--max-error", "1e-3"});
  Compare("jitattn tune");
  // A small space. What the machine's noise does to the claims is not this test's business.
  const std::vector<std::string> audit = {"audit", "--dim", "16", "--isa", "none", "--time", "120"};
  Collect(audit, {0, 1});
  Collect(With(audit, {"--runs", "2"}), {0, 1});
  Compare("jitattn audit");
  Collect({"compare", "--dim", "32", "--rounds", "2", "--time", "600", "--methods",
           "jitattn,naive,numpy"});
  Compare("jitattn compare");
  Collect({"compare", "--strategies", "genetic", recording, "--budgets", "4", "--runs", "3"});
  Compare("jitattn compare --strategies");
  Collect({"replay", recording, "--strategies", "genetic", "--budgets", "4", "--repeats", "3"});
  Compare("jitattn replay");
  Collect({"plot", recording, "--list"});
  if (Process({"gnuplot", "--version"}, {}).Finish().exit_code == 0) {
    Collect({"plot", recording, "--kind", "samples", "-o", recordings_ / "pictures"});
    Compare("jitattn plot");
    Collect({"report", recording, "-o", recordings_ / "page.html"});
    Compare("jitattn report");
  }
  printed_.clear();
  Collect({"cache", "list"});
  const std::string shown = RunJitattn(cache_, {"cache", "list", "--json"}).out;
  const Json listed = Json::parse(shown);
  const Json& records = listed.at("folders").at(0).at("records");
  ASSERT_GE(records.size(), 2u);
  const std::string attention = records.front().at("record").at("key");
  const std::string sigmoid_mul = records.back().at("record").at("key");
  DamageOneRecord();
  Collect({"cache", "list"});
  Compare("jitattn cache list");
  Collect({"run", "--dim", "32", "--repeat", "1"});
  Collect({"run", "--dim", "32", "--repeat", "1", "--check"});
  Compare("jitattn run");
  Collect({"show", "--dim", "32"});
  Compare("jitattn show");
  Collect({"tune", "--dim", "32", "--evaluations", "2", "--time", "120", "--op", "attention"});
  printed_.clear();
  Collect({"cache", "show", attention});
  Collect({"cache", "show", sigmoid_mul});
  Compare("jitattn cache show");
  Collect({"cache", "clear", "--yes"});
  Compare("jitattn cache clear");
  Collect({"cache", "path"});
  Compare("jitattn cache path");
  Collect({"cpu", "--measure"});
  Compare("jitattn cpu");
}

}  // namespace
}  // namespace jitattn::cli
