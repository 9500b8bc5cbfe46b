// docs/json.md and the commands' output list the same keys: a key that is printed is documented,
// and a documented key is printed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "tests/cli/process.h"
#include "tests/lab/plot_testing.h"

namespace jitattn::cli {
namespace {

using Json = nlohmann::json;
using Keys = std::set<std::string>;

// What stands between the first `from` and the next `to` behind it; "" where they are not there.
std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find(from);
  if (begin == text.npos) return "";
  const size_t end = text.find(to, begin + from.size());
  return end == text.npos ? "" : text.substr(begin + from.size(), end - begin - from.size());
}

// Section → rows of (key, type), as docs/json.md has them.
std::map<std::string, std::vector<std::pair<std::string, std::string>>> ReadDocument() {
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> sections;
  std::istringstream lines(ReadFile(JITATTN_SOURCE_DIR "/docs/json.md"));
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) section = line.substr(3);
    if (!line.starts_with("| `")) continue;
    sections[section].emplace_back(Between(line, "| `", "`"), Between(line, "` | ", " |"));
  }
  return sections;
}

// The keys of a section, with the sections that its types refer to put in their place. A key that
// may be absent ends with '?'.
void AddDocumented(const std::string& section, const std::string& prefix, Keys* keys) {
  static const auto document = ReadDocument();
  ASSERT_TRUE(document.contains(section)) << section;
  for (const auto& [key, type] : document.at(section)) {
    const std::string reference = Between(type, "(#", ")");
    if (reference.empty()) {
      keys->insert(prefix + key + (type.ends_with(", or absent") ? "?" : ""));
    } else {
      AddDocumented(reference, prefix + key + ".", keys);
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
  if (documented.ends_with("?")) return path + "?" == documented;
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
      if (key.ends_with("?")) continue;
      bool seen = false;
      for (const std::string& path : printed_) {
        seen |= Matches(path, key) || IsEmptyContainerOf(key, path);
      }
      EXPECT_TRUE(seen) << key << " is documented and not printed";
    }
    printed_.clear();
  }

  // Runs the command for what it leaves behind.
  void Do(const std::vector<std::string>& arguments) {
    const ProcessResult result = RunJitattn(cache_, arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  // A record of each operation.
  void TuneBoth() { Do({"tune", "--dim", "32", "--evaluations", "2", "--time", "50"}); }
  // A file in the place of a record, that no reader can use.
  void DamageOneRecord() {
    const std::vector<std::string> files = FilesUnder(cache_.path());
    ASSERT_FALSE(files.empty());
    WriteFile(files.front(), "this is no record");
  }
  void Record() {
    Do({"tune", "--op", "sigmoid-mul", "--dim", "32", "--evaluations", "9", "--time", "50",
        "--record", recording_});
  }

  const TempDir cache_, files_;
  const std::string recording_ = files_ / "space.json";
  Keys printed_;
};

// An interface: keys are added, none is renamed or dropped. Those within a config are the fields of
// its algorithm, and come and go with them.
TEST(JsonKeys, WhatWasEverDocumentedStillIs) {
  std::map<std::string, Keys> documented;
  std::istringstream lines(ReadFile(JITATTN_SOURCE_DIR "/tests/golden/json-keys.txt"));
  int keys = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("#") || line.ends_with("*")) continue;
    const size_t colon = line.find(": ");
    ASSERT_NE(colon, line.npos) << line;
    const std::string command = line.substr(0, colon), key = line.substr(colon + 2);
    if (!documented.contains(command)) AddDocumented(command, "", &documented[command]);
    EXPECT_TRUE(documented[command].contains(key)) << line << " is no longer documented";
    ++keys;
  }
  EXPECT_GT(keys, 500);  // the file was found and read
}

TEST_F(JsonKeysTest, Tune) {
  Collect({"tune", "--dim", "32", "--evaluations", "3", "--time", "50"});
  Collect({"tune", "--dim", "32", "--op", "sigmoid-mul", "--evaluations", "3", "--time", "50",
           "--objective", "time,memory"});
  Collect({"tune", "--dim", "32", "--space", "study-a", "--evaluations", "3", "--time", "50"});
  Collect({"tune", "--dim", "32", "--op", "sigmoid-mul", "--evaluations", "3", "--time", "50",
           "--record", recording_});
  Collect({"tune", "--dim", "16", "--heads", "2", "--evaluations", "2", "--time", "50",
           "--variants", "f64,heads,bf16", "--max-error", "1e-3"});
  Compare("jitattn tune");
}

// A small space. What the machine's noise does to the claims is not this test's business.
TEST_F(JsonKeysTest, Audit) {
  Collect({"audit", "--dim", "16", "--isa", "none", "--time", "50"}, {0, 1});
  Collect({"audit", "--dim", "16", "--isa", "none", "--time", "50", "--runs", "2"}, {0, 1});
  Compare("jitattn audit");
}

// A preset has lines, and a record from before has something to be compared with.
TEST_F(JsonKeysTest, Bench) {
  const std::vector<std::string> quick = {"bench", "--repeat", "1", "--time", "0.001"};
  const auto bench = [&](std::vector<std::string> more) {
    more.insert(more.begin(), quick.begin(), quick.end());
    return more;
  };
  const std::vector<std::string> one = {"--seq", "16", "--head-dim", "16", "--threads", "1"};
  std::vector<std::string> arguments = bench(one);
  arguments.push_back("--json");
  WriteFile(files_ / "earlier.json", RunJitattn(cache_, arguments).out);
  Collect(bench({"--preset", "small"}));
  Collect(bench({"--rows", "4", "--cols", "64", "--threads", "1"}));
  arguments.back() = "--vs";
  arguments.push_back(files_ / "earlier.json");
  Collect(arguments);
  Compare("jitattn bench");
}

TEST_F(JsonKeysTest, BenchBeside) {
  Collect({"bench", "--beside", "1", "--seq", "16", "--head-dim", "16", "--threads", "1", "--time",
           "0.05"});
  Collect({"bench", "--beside", "1", "--rows", "4", "--cols", "64", "--threads", "1", "--time",
           "0.05"});
  Compare("jitattn bench --beside");
}

TEST_F(JsonKeysTest, Roofline) {
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  for (const std::vector<std::string>& problem :
       {std::vector<std::string>{"--seq", "16", "--head-dim", "16"},
        {"--rows", "4", "--cols", "64"}}) {
    std::vector<std::string> arguments = {"roofline", "--threads", "1",    "--repeat",
                                          "1",        "--time",    "0.001"};
    arguments.insert(arguments.end(), problem.begin(), problem.end());
    Collect(arguments);
  }
  Compare("jitattn roofline");
}

TEST_F(JsonKeysTest, Compare) {
  Collect({"compare", "--dim", "32", "--rounds", "2", "--time", "50", "--methods",
           "jitattn,naive,numpy"});
  Compare("jitattn compare");
}

TEST_F(JsonKeysTest, CompareStrategies) {
  Record();
  Collect({"compare", "--strategies", "genetic", recording_, "--budgets", "4", "--runs", "3"});
  Compare("jitattn compare --strategies");
}

TEST_F(JsonKeysTest, Replay) {
  Record();
  Collect({"replay", recording_, "--strategies", "genetic", "--budgets", "4", "--repeats", "3"});
  Compare("jitattn replay");
}

TEST_F(JsonKeysTest, PlotAndReport) {
  if (!lab::HasMatplotlib()) GTEST_SKIP() << "needs matplotlib";
  Record();
  Collect({"plot", recording_, "--list"});
  Collect({"plot", recording_, "--kind", "samples", "-o", files_ / "pictures"});
  Compare("jitattn plot");
  Collect({"report", recording_, "-o", files_ / "page.html"});
  Compare("jitattn report");
}

TEST_F(JsonKeysTest, CacheList) {
  TuneBoth();
  Collect({"cache", "list"});
  DamageOneRecord();
  Collect({"cache", "list"});
  Compare("jitattn cache list");
}

TEST_F(JsonKeysTest, CacheShow) {
  TuneBoth();
  const Json listed = Json::parse(RunJitattn(cache_, {"cache", "list", "--json"}).out);
  const Json& records = listed.at("folders").at(0).at("records");
  ASSERT_EQ(records.size(), 2u);
  for (const Json& record : records) {
    Collect({"cache", "show", record.at("record").at("key").get<std::string>()});
  }
  Compare("jitattn cache show");
}

TEST_F(JsonKeysTest, CachePathAndClear) {
  TuneBoth();
  Collect({"cache", "path"});
  Compare("jitattn cache path");
  Collect({"cache", "clear", "--yes"});
  Compare("jitattn cache clear");
}

TEST_F(JsonKeysTest, Run) {
  TuneBoth();
  DamageOneRecord();
  Collect({"run", "--dim", "32", "--repeat", "1"});
  Collect({"run", "--dim", "32", "--repeat", "1", "--check"});
  Collect({"run", "--seq", "20", "--head-dim", "8", "--causal", "--chunk", "7", "--softcap",
           "--alibi", "--sinks", "--lse", "--out-gate", "--bias", "bool", "--page-size", "3",
           "--check"});
  Collect({"run", "--seq", "20", "--head-dim", "8", "--window-left", "7", "--window-right", "1"});
  Collect({"run", "--seq", "20", "--head-dim", "64", "--kv-type", "i8", "--kv-scale-block", "32"});
  Collect({"run", "--rows", "2", "--cols", "9", "--function", "gelu", "--gate", "two", "--clamped",
           "--out-dtype", "bf16", "--check"});
  Compare("jitattn run");
}

TEST_F(JsonKeysTest, Show) {
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";  // no code to show
  TuneBoth();
  DamageOneRecord();
  Collect({"show", "--dim", "32"});
  Compare("jitattn show");
}

TEST_F(JsonKeysTest, Cpu) {
  Collect({"cpu", "--measure"});
  Compare("jitattn cpu");
}

}  // namespace
}  // namespace jitattn::cli
