// The spaces recorded with this project, by the lists in tests/data/spaces/README.md.

#ifndef JITATTN_TESTS_SEARCH_RECORDED_SPACES_H_
#define JITATTN_TESTS_SEARCH_RECORDED_SPACES_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "lab/replay/recording.h"

namespace jitattn::search {

inline const std::string& SpacesFolder() {
  static const auto* folder = new std::string(JITATTN_SOURCE_DIR "/tests/data/spaces");
  return *folder;
}

inline std::string ReadSpaceFile(const std::string& name) {
  std::ifstream file(std::filesystem::path(SpacesFolder()) / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The files that README.md lists under a heading: "- `NAME.json` …".
inline std::set<std::string> ListedSpaces(const std::string& heading) {
  std::istringstream lines(ReadSpaceFile("README.md"));
  std::set<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    if (!inside || !line.starts_with("- `")) continue;
    names.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return names;
}

inline lab::Recording LoadSpace(const std::string& name) {
  auto recording = lab::ReadRecording(ReadSpaceFile(name));
  EXPECT_TRUE(recording.ok()) << name << ": " << recording.status();
  return recording.ok() ? *std::move(recording) : lab::Recording();
}

}  // namespace jitattn::search

#endif  // JITATTN_TESTS_SEARCH_RECORDED_SPACES_H_
