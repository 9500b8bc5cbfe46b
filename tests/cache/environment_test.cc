// The cache's folder and owner, and when the environment is not trusted for them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "cache/store.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::HasSubstr;

struct Places {
  std::optional<std::string> dir, xdg, home;
};

std::string RootOf(const Places& places) {
  ScopedEnv dir("JITATTN_CACHE_DIR", places.dir), xdg("XDG_CACHE_HOME", places.xdg),
      home("HOME", places.home);
  return DefaultRoot();
}

TEST(DefaultRoot, FirstVariableWins) {
  TemporaryFolder home;
  EXPECT_EQ(RootOf({"/dir", "/xdg", home.path()}), "/dir");
  EXPECT_EQ(RootOf({{}, "/xdg", home.path()}), "/xdg/jitattn");
  EXPECT_EQ(RootOf({{}, {}, home.path()}), home / ".cache/jitattn");
  EXPECT_EQ(RootOf({"", "", home.path()}), home / ".cache/jitattn") << "empty is as good as unset";
  EXPECT_EQ(RootOf({}), "");
}

TEST(DefaultRoot, RelativePathsDoNotFollowTheWorkingDirectory) {
  TemporaryFolder home;
  const std::string before = std::filesystem::current_path();
  EXPECT_EQ(RootOf({"here", "/xdg", {}}), before + "/here");
  EXPECT_EQ(RootOf({{}, "xdg", home.path()}), home / ".cache/jitattn");
  EXPECT_EQ(RootOf({{}, {}, "home"}), "");
}

TEST(DefaultRoot, AHomeThatIsNoFolderIsNoHome) {
  TemporaryFolder folder;
  EXPECT_EQ(RootOf({{}, {}, "/nonexistent"}), "");
  WriteText(folder / "file", "");
  EXPECT_EQ(RootOf({{}, {}, folder / "file"}), "");
}

TEST(UnwritableHome, IsSaidClearly) {
  // Not even root makes a folder there.
  const Store store(RootOf({{}, {}, "/proc"}), TestCpu(), TestHost());
  EXPECT_EQ(store.Get(TestRecord().key).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store.Put(TestRecord()).status().message(),
              Mentions({"/proc/.cache/jitattn/amd-25-17-avx512", ".cache"}));
}

TEST(UnwritableHome, OfAnotherUserToo) {
  TemporaryFolder home;
  if (!IsRoot()) chmod(home.path().c_str(), 0555);
  const Store store(home / ".cache/jitattn", TestCpu(), TestHost());
  EXPECT_EQ(InChild([&] {
              if (IsRoot() && setuid(4242) != 0) return 2;
              const absl::Status status = store.Put(TestRecord()).status();
              return absl::IsPermissionDenied(status) ? 0 : 1;
            }),
            0);
  EXPECT_TRUE(AllNames(home.path()).empty());
}

// Folder and file with their owners, as "4242:4243 700 name".
std::vector<std::string> Owners(const std::string& folder) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat info;
    EXPECT_EQ(lstat(entry.path().c_str(), &info), 0);
    char line[64];
    snprintf(line, sizeof line, "%u:%u %o ", info.st_uid, info.st_gid, info.st_mode & 0777);
    lines.push_back(line + entry.path().filename().string());
  }
  return lines;
}

TEST(Sudo, FilesInTheCallersFoldersAreTheCallers) {
  if (!IsRoot()) GTEST_SKIP() << "needs root";
  TemporaryFolder home;
  ASSERT_EQ(chown(home.path().c_str(), 4242, 4243), 0);
  const Store store(home / ".cache/jitattn", TestCpu(), TestHost());
  const std::string file = TestRecord().key.ToString() + ".toml";
  {
    ScopedEnv sudo("SUDO_UID", "4242");
    ASSERT_TRUE(store.Put(TestRecord()).ok());
    EXPECT_TRUE(store.Get(TestRecord().key).ok()) << "the caller's records are root's too";
  }
  EXPECT_THAT(Owners(home.path()), ::testing::UnorderedElementsAre(
                                       "4242:4243 700 .cache", "4242:4243 700 jitattn",
                                       "4242:4243 700 amd-25-17-avx512", "4242:4243 600 " + file));
  EXPECT_EQ(InChild([&] {
              if (setuid(4242) != 0) return 2;
              return store.Get(TestRecord().key).ok() && store.Put(TestRecord()).ok() ? 0 : 1;
            }),
            0)
      << "the caller can neither read nor replace what sudo left";
  // A user's files are not root's without sudo, however they came there.
  EXPECT_THAT(std::string(store.Get(TestRecord().key).status().message()), Mentions({"4242"}));
}

TEST(Sudo, FilesInFoldersOfOthersAreNotGivenAway) {
  if (!IsRoot()) GTEST_SKIP() << "needs root";
  for (const char* caller : {"4242", "0", "-1", "x", "4243x", "99999999999"}) {
    for (uid_t owner : {0, 4243}) {
      TemporaryFolder home;
      ASSERT_EQ(chown(home.path().c_str(), owner, owner), 0);
      ScopedEnv sudo("SUDO_UID", caller);
      ASSERT_TRUE(Store(home.path(), TestCpu(), TestHost()).Put(TestRecord()).ok());
      for (const std::string& line : Owners(home.path())) {
        EXPECT_TRUE(line.starts_with("0:0 ")) << caller << ": " << line;
      }
    }
  }
}

// Run by the test below too, in a program that the kernel marks AT_SECURE.
TEST(AtSecure, PrintsTheRoot) {
  const std::string root = DefaultRoot();
  printf("root=[%s]\n", root.c_str());
  EXPECT_TRUE(root.empty() || root.starts_with('/'));
}

TEST(AtSecure, TheEnvironmentIsIgnored) {
  if (!IsRoot()) GTEST_SKIP() << "needs root";
  TemporaryFolder folder;
  struct statvfs mount;
  if (statvfs(folder.path().c_str(), &mount) != 0 || (mount.f_flag & ST_NOSUID) != 0) {
    GTEST_SKIP() << "needs a folder that is not mounted nosuid: " << folder.path();
  }
  const std::string program = folder / "program";
  std::filesystem::copy_file("/proc/self/exe", program);
  const auto root_printed = [&] {
    const std::string command = program + " --gtest_filter=AtSecure.PrintsTheRoot 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    std::string output(4096, '\0');
    output.resize(fread(output.data(), 1, output.size(), pipe));
    pclose(pipe);
    const size_t start = output.find("root=[");
    return start == output.npos ? output : output.substr(start, output.find(']') + 1 - start);
  };
  ScopedEnv dir("JITATTN_CACHE_DIR", "/chosen/by/the/caller");
  ScopedEnv xdg("XDG_CACHE_HOME", "/chosen"), home("HOME", folder.path());
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  EXPECT_THAT(root_printed(), HasSubstr("root=[/chosen/by/the/caller]"));
  ASSERT_EQ(chown(program.c_str(), 4242, 4242), 0);
  ASSERT_EQ(chmod(program.c_str(), 04755), 0);
  EXPECT_THAT(root_printed(), HasSubstr("root=[]"));
}

}  // namespace
}  // namespace jitattn::cache
