// Rules for includes: a folder may include only folders below it, and a third-party package only
// where it is allowed. docs/design.md has the picture.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
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
    {"python", {"jitattn/jitattn.h"}, {}},  // a caller of the C ABI like any other
    {"base", {"base/"}, {}},
    {"parallel", {"parallel/", "base/"}, {"openmp"}},
    {"jit", {"jit/", "base/"}, {"xbyak"}},
    {"ops", {"ops/", "jit/", "parallel/", "base/", "jitattn/"}, {}},
    {"search", {"search/", "base/"}, {"eigen"}},
    {"search/strategies", {"search/", "base/"}, {}},
    {"cache", {"cache/", "ops/", "base/"}, {"toml"}},
    {"runtime",
     {"runtime/", "search/", "cache/", "ops/", "jit/", "parallel/", "base/", "jitattn/"},
     {}},
    {"cli",
     {"cli/", "runtime/", "search/", "cache/", "ops/", "jit/", "parallel/", "base/", "jitattn/"},
     {"cli11", "json", "hwloc", "zydis"}},
    {"lab",
     {"lab/", "cli/", "runtime/", "search/", "cache/", "ops/", "jit/", "parallel/", "base/",
      "jitattn/"},
     {"cli11", "json", "zlib"}},
    {"lab/baselines", {"lab/", "runtime/", "ops/", "parallel/", "base/", "jitattn/"}, {"openmp"}},
};

// How the names of a package's headers begin.
const std::map<std::string, std::vector<std::string>> kThirdParty = {
    {"xbyak", {"xbyak"}},    {"openmp", {"omp.h"}},
    {"toml", {"toml"}},      {"eigen", {"Eigen/"}},
    {"json", {"nlohmann/"}}, {"cli11", {"CLI/"}},
    {"hwloc", {"hwloc"}},    {"zydis", {"Zydis", "Zycore"}},
    {"zlib", {"zlib.h"}},    {"tests", {"gtest/", "gmock/", "benchmark/"}},
};

bool BeginsWithOneOf(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

// "path" of #include "path" or <path>; of #pragma omp, the header that goes with it; else "".
// Quoted says which it was.
std::string Included(const std::string& line, bool* quoted) {
  std::istringstream words(line);
  std::string word, path;
  words >> word;
  if (word == "#") words >> path, word += path;
  words >> path;
  *quoted = path.starts_with('"');
  if (word == "#pragma" && path == "omp") return "omp.h";
  if (word != "#include" || path.size() < 2) return "";
  return path.substr(1, path.find_first_of("\">", 1) - 1);
}

// What a line breaks of a floor's rules; "" if nothing.
std::string Broken(const Floor& floor, const std::string& line) {
  bool quoted;
  const std::string path = Included(line, &quoted);
  for (const auto& [package, prefixes] : kThirdParty) {
    if (!BeginsWithOneOf(path, prefixes)) continue;
    const auto& allowed = floor.third_party;
    if (std::find(allowed.begin(), allowed.end(), package) != allowed.end()) return "";
    return floor.folder + "/ may not use " + package;
  }
  // Ours are named from the root, in quotes: <jitattn/…> is how a user names the public headers.
  // Abseil is everybody's, except that the public headers ask for nothing but a compiler.
  if (!quoted || path.find('/') == path.npos) return "";
  if (path.starts_with("absl/") && floor.folder != "include/jitattn") return "";
  return BeginsWithOneOf(path, floor.ours) ? "" : floor.folder + "/ may not include " + path;
}

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Without those of a folder below that has rules of its own.
std::vector<fs::path> SourcesIn(const std::string& folder) {
  const auto has_own_rules = [&](const std::string& path) {
    return std::any_of(kFloors.begin(), kFloors.end(), [&](const Floor& floor) {
      return floor.folder.size() > folder.size() && path.starts_with(floor.folder + "/");
    });
  };
  std::vector<fs::path> sources;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(JITATTN_SOURCE_DIR) / folder)) {
    if (has_own_rules(fs::relative(entry.path(), JITATTN_SOURCE_DIR))) continue;
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
  std::set<std::string> reached;
  std::vector<std::string> open;
  for (const char* folder : {"ops", "cache", "runtime", "cli", "lab"}) {
    for (const fs::path& source : SourcesIn(folder)) open.push_back(fs::relative(source, root));
  }
  while (!open.empty()) {
    const std::string path = open.back();
    open.pop_back();
    if (!reached.insert(path).second) continue;
    for (const std::string& line : LinesOf(root / path)) {
      bool quoted;
      const std::string included = Included(line, &quoted);
      EXPECT_FALSE(BeginsWithOneOf(included, kThirdParty.at("xbyak"))) << path << ": " << line;
      if (included.starts_with("jit/")) open.push_back(included);
    }
  }
  EXPECT_TRUE(reached.contains("jit/kernel.h"));  // the walk reached headers at all
}

// These end the process where an allocation fails within them: Abseil's hash tables are left with a
// wild pointer, StrFormat appends in a destructor, iterators of std::filesystem are noexcept. The
// library reports that there is no memory.
bool EndsWithoutMemory(const std::string& line) {
  for (const char* name : {"absl/container/flat_hash", "absl/container/node_hash",
                           "absl::StrFormat(", "absl::StrAppendFormat(", "directory_iterator"}) {
    if (line.find(name) != line.npos) return true;
  }
  return false;
}

TEST(Floors, TheLibrarySurvivesWithoutMemory) {
  for (const char* folder : {"base", "parallel", "jit", "ops", "search", "cache", "runtime"}) {
    for (const fs::path& source : SourcesIn(folder)) {
      const std::vector<std::string> lines = LinesOf(source);
      for (size_t i = 0; i < lines.size(); ++i) {
        EXPECT_FALSE(EndsWithoutMemory(lines[i])) << source << ":" << i + 1 << ": " << lines[i];
      }
    }
  }
  EXPECT_TRUE(EndsWithoutMemory("  return absl::StrFormat(\"%d\", 1);"));
  EXPECT_FALSE(EndsWithoutMemory("  return Format(\"%d\", 1);"));
}

// A forked child waits for a function-local static that is being initialised, for ever if the
// initialising thread was another one. base/made_once.h avoids this.
bool IsMadeByItsFirstCaller(const std::string& line) {
  if (line.find("absl::ErrnoToStatus(") != line.npos) return true;  // has such a static within
  const size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos || begin == 0) return false;
  const std::string text = line.substr(begin);
  const size_t equals = text.find(" = ");  // before a bracket: no default of a function's parameter
  return text.starts_with("static ") && !text.starts_with("static constexpr") &&
         equals != text.npos && text.find('(') > equals;
}

TEST(Floors, NoStaticIsMadeByItsFirstCaller) {
  for (const char* folder : {"base", "parallel", "jit", "ops", "search", "cache", "runtime"}) {
    for (const fs::path& source : SourcesIn(folder)) {
      const std::vector<std::string> lines = LinesOf(source);
      for (size_t i = 0; i < lines.size(); ++i) {
        EXPECT_FALSE(IsMadeByItsFirstCaller(lines[i]))
            << source << ":" << i + 1 << ": " << lines[i];
      }
    }
  }
  EXPECT_TRUE(IsMadeByItsFirstCaller("  static const Cpu* const cpu = new Cpu(DetectCpu());"));
  EXPECT_TRUE(IsMadeByItsFirstCaller("  static const bool allowed = [] {"));
  EXPECT_FALSE(IsMadeByItsFirstCaller("  constinit static MadeOnce<Cpu> cpu;"));
  EXPECT_FALSE(IsMadeByItsFirstCaller("  static int VecsNeeded(int lanes) { return lanes + 1; }"));
  EXPECT_FALSE(IsMadeByItsFirstCaller("  static constexpr int kMax = 0;"));
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
  EXPECT_EQ(Broken(floor("jit"), "#  include <omp.h>  // so"), "jit/ may not use openmp");
  EXPECT_EQ(Broken(floor("include/jitattn"), "#include \"absl/status/status.h\""),
            "include/jitattn/ may not include absl/status/status.h");
  EXPECT_EQ(Broken(floor("runtime"), "#include \"jit/compile.h\""), "");
  EXPECT_EQ(Broken(floor("ops"), "#include \"runtime/plan.h\""),
            "ops/ may not include runtime/plan.h");
  EXPECT_EQ(Broken(floor("parallel"), "#pragma omp parallel for"), "");
}

}  // namespace
