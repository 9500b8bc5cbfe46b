// Files that a user names.

#include "cli/text_file.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace jitattn::cli {
namespace {

class TextFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "textXXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    umask_ = umask(027);
  }
  void TearDown() override {
    umask(umask_);
    std::filesystem::remove_all(folder_);
  }
  static unsigned ModeOf(const std::string& path) {
    struct stat info;
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777u : 0;
  }

  std::string folder_;
  mode_t umask_ = 0;
};

TEST_F(TextFile, ANewOneFollowsTheUmask) {
  const std::string path = folder_ + "/table.csv";
  ASSERT_TRUE(WriteTextFile(path, "a,b\n").ok());
  EXPECT_EQ(ModeOf(path), 0640u);
  EXPECT_EQ(*ReadTextFile(path), "a,b\n");
}

TEST_F(TextFile, WhatWasPrivateStaysPrivate) {
  const std::string path = folder_ + "/table.csv";
  ASSERT_TRUE(WriteTextFile(path, "a").ok());
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  ASSERT_TRUE(WriteTextFile(path, "b").ok());
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(*ReadTextFile(path), "b");
}

}  // namespace
}  // namespace jitattn::cli
