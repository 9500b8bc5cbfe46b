// Who may include whom: each folder only what stands below it, each third-party package only where
// it was let in. docs/design.md has the picture.

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fs = std::filesystem;

struct Floor {
  std::string folder;
  std::vector<std::string> ours;         // prefixes of what it may include of this project
  std::vector<std::string> third_party;  // names from kThirdParty
};

const std::vector<Floor> kFloors = {
    {"include/jitattn", {"jitattn/jitattn.h"}, {}},
    {"jit", {"jit/"}, {"xbyak"}},
    {"search", {"search/"}, {"eigen", "json"}},
    {"cache",
     {"cache/", "jit/isa.h", "jit/cpu.h", "jit/problem.h", "jit/config.h", "jit/env.h",
      "jit/log.h"},
     {"toml"}},
    {"runtime", {"runtime/", "search/", "cache/", "jit/", "jitattn/"}, {"openmp"}},
    {"cli",
     {"cli/", "runtime/", "search/", "cache/", "jit/", "jitattn/"},
     {"cli11", "json", "hwloc", "zydis"}},
};

// What gives a package away in a line of code.
const std::map<std::string, std::regex> kThirdParty = {
    {"xbyak", std::regex(R"(#\s*include\s*[<"]xbyak)")},
    {"openmp", std::regex(R"(#\s*include\s*[<"]omp\.h|#\s*pragma\s+omp\b)")},
    {"toml", std::regex(R"(#\s*include\s*[<"]toml)")},
    {"eigen", std::regex(R"(#\s*include\s*[<"]Eigen)")},
    {"json", std::regex(R"(#\s*include\s*[<"]nlohmann)")},
    {"cli11", std::regex(R"(#\s*include\s*[<"]CLI)")},
    {"hwloc", std::regex(R"(#\s*include\s*[<"]hwloc)")},
    {"zydis", std::regex(R"(#\s*include\s*[<"]Zy)")},
    {"tests", std::regex(R"(#\s*include\s*[<"](gtest|gmock|benchmark)/)")},
};

// What a line breaks of a floor's rules; "" if nothing.
std::string Broken(const Floor& floor, const std::string& line) {
  for (const auto& [package, pattern] : kThirdParty) {
    if (!std::regex_search(line, pattern)) continue;
    for (const std::string& allowed : floor.third_party) {
      if (allowed == package) return "";
    }
    return floor.folder + "/ may not use " + package;
  }
  // Ours are named from the root. <jitattn/…> is how a user of the library names its headers.
  static const std::regex ours(R"(#\s*include\s*"(\w+/[^"]+)\")");
  std::smatch match;
  if (!std::regex_search(line, match, ours)) return "";
  // Abseil is everybody's, except that the public headers ask for nothing but a compiler.
  if (match[1].str().rfind("absl/", 0) == 0 && floor.folder != "include/jitattn") return "";
  for (const std::string& prefix : floor.ours) {
    if (match[1].str().rfind(prefix, 0) == 0) return "";
  }
  return floor.folder + "/ may not include " + match[1].str();
}

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> SourcesIn(const std::string& folder) {
  std::vector<fs::path> sources;
  for (const auto& entry : fs::directory_iterator(fs::path(JITATTN_SOURCE_DIR) / folder)) {
    const std::string extension = entry.path().extension();
    if (extension == ".h" || extension == ".hpp" || extension == ".cc" || extension == ".c") {
      sources.push_back(entry.path());
    }
  }
  return sources;
}

TEST(Floors, EachFolderIncludesOnlyWhatStandsBelowIt) {
  for (const Floor& floor : kFloors) {
    const std::vector<fs::path> sources = SourcesIn(floor.folder);
    EXPECT_FALSE(sources.empty()) << floor.folder;
    for (const fs::path& source : sources) {
      const std::vector<std::string> lines = LinesOf(source);
      for (size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(Broken(floor, lines[i]), "") << source << ":" << i + 1;
      }
    }
  }
}

// A header of jit/ that others may include must not bring Xbyak along.
TEST(Floors, XbyakIsNotReachedFromAbove) {
  const fs::path root = JITATTN_SOURCE_DIR;
  static const std::regex ours(R"(#\s*include\s*"(jit/[^"]+)\")");
  std::set<std::string> reached;
  std::vector<std::string> open;
  for (const char* folder : {"cache", "runtime", "cli"}) {
    for (const fs::path& source : SourcesIn(folder)) open.push_back(fs::relative(source, root));
  }
  while (!open.empty()) {
    const std::string path = open.back();
    open.pop_back();
    if (!reached.insert(path).second) continue;
    for (const std::string& line : LinesOf(root / path)) {
      EXPECT_FALSE(std::regex_search(line, kThirdParty.at("xbyak"))) << path << ": " << line;
      std::smatch match;
      if (std::regex_search(line, match, ours)) open.push_back(match[1]);
    }
  }
  EXPECT_TRUE(reached.contains("jit/kernel.h"));  // the walk walked
}

// The rules themselves can fail.
TEST(Floors, BreachesAreSeen) {
  const auto floor = [](const std::string& folder) {
    for (const Floor& f : kFloors) {
      if (f.folder == folder) return f;
    }
    return Floor{};
  };
  EXPECT_EQ(Broken(floor("search"), "#include \"cache/store.h\""),
            "search/ may not include cache/store.h");
  EXPECT_EQ(Broken(floor("cache"), "#include \"jit/compile.h\""),
            "cache/ may not include jit/compile.h");
  EXPECT_EQ(Broken(floor("jit"), "#include \"runtime/plan.h\""),
            "jit/ may not include runtime/plan.h");
  EXPECT_EQ(Broken(floor("runtime"), "#include <xbyak/xbyak.h>"), "runtime/ may not use xbyak");
  EXPECT_EQ(Broken(floor("cli"), "#pragma omp parallel for"), "cli/ may not use openmp");
  EXPECT_EQ(Broken(floor("runtime"), "#include \"jit/compile.h\""), "");
}

}  // namespace
