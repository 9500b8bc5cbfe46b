// Small files: what is read, what is refused, and what writing leaves behind.

#include "cache/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string ErrorOf(const std::string& path) {
  return std::string(ReadTrusted(path, 100).status().message());
}

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(ReadTrusted, GivesTheWholeFile) {
  TemporaryFolder folder;
  for (size_t size : {0, 1, 99, 100}) {
    WriteText(folder / "f", std::string(size, 'x'));
    const auto text = ReadTrusted(folder / "f", 100);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(*text, std::string(size, 'x'));
  }
}

TEST(ReadTrusted, RefusesWhatIsTooLong) {
  TemporaryFolder folder;
  WriteText(folder / "f", std::string(101, 'x'));
  EXPECT_EQ(ErrorOf(folder / "f"), folder / "f: longer than 100 bytes");
  // Its size is said to be 0.
  EXPECT_EQ(ErrorOf("/proc/cpuinfo"), "/proc/cpuinfo: longer than 100 bytes");
}

TEST(ReadTrusted, TellsMissingFromUnusable) {
  TemporaryFolder folder;
  EXPECT_EQ(ReadTrusted(folder / "none", 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadTrusted(folder / "none/none", 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorOf(folder.path()), folder.path() + ": not a regular file");
  WriteText(folder / "f", "");
  EXPECT_THAT(ErrorOf(folder / "f/g"), StartsWith(folder / "f/g: "));
}

TEST(ReadTrusted, DoesNotWaitForAFifo) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  alarm(20);  // ends the program rather than hang
  EXPECT_EQ(ErrorOf(folder / "fifo"), folder / "fifo: not a regular file");
  alarm(0);
  EXPECT_EQ(ErrorOf("/dev/zero"), "/dev/zero: not a regular file");
}

TEST(ReadTrusted, FollowsLinksAndJudgesWhatTheyLeadTo) {
  TemporaryFolder folder;
  WriteText(folder / "f", "text");
  ASSERT_EQ(symlink("f", (folder / "link").c_str()), 0);
  ASSERT_EQ(symlink("/dev/zero", (folder / "zero").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", (folder / "dangling").c_str()), 0);
  ASSERT_EQ(symlink("loop", (folder / "loop").c_str()), 0);
  EXPECT_EQ(ReadTrusted(folder / "link", 100).value_or("bad"), "text");
  EXPECT_THAT(ErrorOf(folder / "zero"), StartsWith(folder / "zero: "));
  EXPECT_EQ(ReadTrusted(folder / "dangling", 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ErrorOf(folder / "loop"), HasSubstr(std::strerror(ELOOP)));
  chmod((folder / "f").c_str(), 0666);
  EXPECT_THAT(ErrorOf(folder / "link"), StartsWith(folder / "link: "));
}

TEST(ReadTrusted, RefusesWhatOthersMayWrite) {
  TemporaryFolder folder;
  WriteText(folder / "f", "text");
  for (mode_t mode : {0400, 0600, 0644, 0755}) {
    chmod((folder / "f").c_str(), mode);
    EXPECT_TRUE(ReadTrusted(folder / "f", 100).ok()) << std::oct << mode;
  }
  for (mode_t mode : {0620, 0602, 0666, 0777}) {
    chmod((folder / "f").c_str(), mode);
    EXPECT_EQ(ErrorOf(folder / "f"),
              folder / "f: writable by other users; chmod go-w makes the file usable");
  }
}

TEST(ReadTrusted, RefusesFilesOfOthers) {
  TemporaryFolder folder;
  WriteText(folder / "f", "text");
  if (!IsRoot()) {
    EXPECT_TRUE(ReadTrusted("/etc/passwd", 1 << 20).ok()) << "root's are as good as ours";
    GTEST_SKIP() << "needs root";
  }
  ASSERT_EQ(chown((folder / "f").c_str(), 4242, 4242), 0);
  EXPECT_EQ(ErrorOf(folder / "f"),
            folder / "f: owned by user 4242; the owner must be this user (0) or root");
  const auto as_user = [&](uid_t uid) {
    return InChild([&] { return setuid(uid) != 0 ? 2 : ReadTrusted(folder / "f", 100).ok(); });
  };
  EXPECT_EQ(as_user(4242), 1);
  EXPECT_EQ(as_user(4243), 0);
  ASSERT_EQ(chown((folder / "f").c_str(), 0, 0), 0);
  EXPECT_EQ(as_user(4243), 1) << "root's are as good as ours";
}

TEST(WriteAtomically, MakesPrivateFoldersAndFiles) {
  TemporaryFolder folder;
  const std::string deep = folder / "a/b//c/";
  ASSERT_TRUE(WriteAtomically(deep, "f", "text").ok());
  EXPECT_EQ(ReadText(folder / "a/b/c/f"), "text");
  for (const char* made : {"a", "a/b", "a/b/c"}) EXPECT_EQ(ModeOf(folder / made), 0700) << made;
  EXPECT_EQ(ModeOf(folder / "a/b/c/f"), 0600);
}

TEST(WriteAtomically, LeavesExistingFoldersAsTheyAre) {
  TemporaryFolder folder;
  ASSERT_EQ(mkdir((folder / "a").c_str(), 0700), 0);
  ASSERT_EQ(chmod((folder / "a").c_str(), 01777), 0);
  ASSERT_TRUE(WriteAtomically(folder / "a", "f", "text").ok());
  EXPECT_EQ(ModeOf(folder / "a"), 01777);
}

TEST(WriteAtomically, ReplacesALinkAndNotWhatItLeadsTo) {
  TemporaryFolder folder;
  WriteText(folder / "precious", "precious");
  ASSERT_EQ(symlink("precious", (folder / "f").c_str()), 0);
  ASSERT_TRUE(WriteAtomically(folder.path(), "f", "text").ok());
  EXPECT_EQ(ReadText(folder / "precious"), "precious");
  EXPECT_EQ(ReadText(folder / "f"), "text");
}

TEST(WriteAtomically, FailureLeavesNothing) {
  TemporaryFolder folder;
  ASSERT_EQ(mkdir((folder / "f").c_str(), 0700), 0);  // nothing can be renamed to it
  const absl::Status status = WriteAtomically(folder.path(), "f", "text");
  EXPECT_THAT(std::string(status.message()), StartsWith(folder / "f: "));
  EXPECT_THAT(AllNames(folder.path()), ElementsAre("f"));
}

TEST(WriteAtomically, NamesThePartThatIsNoFolder) {
  TemporaryFolder folder;
  WriteText(folder / "file", "");
  const absl::Status status = WriteAtomically(folder / "file/a", "f", "text");
  EXPECT_THAT(status.message(), Mentions({folder / "file/a", std::strerror(ENOTDIR)}));
}

TEST(WriteAtomically, SweepsWhatWasLeftLongAgo) {
  TemporaryFolder folder;
  const timespec now[] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  const auto aged = [&](const char* name, time_t seconds) {
    WriteText(folder / name, "");
    timespec times[] = {{time(nullptr) - seconds, 0}, {time(nullptr) - seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (folder / name).c_str(), seconds != 0 ? times : now, 0), 0);
  };
  aged(".tmp-1-0", 2 * 3600);
  aged(".tmp-2-0", 1800);  // may still be at work
  aged("record.toml", 2 * 3600);
  aged(".hidden", 2 * 3600);
  ASSERT_TRUE(WriteAtomically(folder.path(), "f", "text").ok());
  EXPECT_THAT(AllNames(folder.path()),
              ::testing::UnorderedElementsAre(".tmp-2-0", "record.toml", ".hidden", "f"));
}

TEST(WriteAtomically, TakesAnotherNameWhereOneIsTaken) {
  TemporaryFolder folder;
  // The names this process would use next, as another container's process may have.
  for (int i = 0; i < 200; ++i)
    WriteText(folder / absl::StrCat(".tmp-", getpid(), "-", i), "other");
  ASSERT_TRUE(WriteAtomically(folder.path(), "f", "text").ok());
  EXPECT_EQ(ReadText(folder / "f"), "text");
  EXPECT_EQ(AllNames(folder.path()).size(), 201u);
}

TEST(WriteAtomically, RefusesAPathThatCouldNotBeOpened) {
  TemporaryFolder folder;
  std::string deep = folder.path();
  while (deep.size() < PATH_MAX) deep += "/" + std::string(200, 'd');
  const absl::Status status = WriteAtomically(deep, "f", "text");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(PATH_MAX - 1)));
  EXPECT_FALSE(CheckWritable(deep, 10).ok());
  EXPECT_THAT(AllNames(folder.path()), IsEmpty());
}

// Beyond RLIMIT_FSIZE a write sends SIGXFSZ, which kills by default.
TEST(WriteAtomically, SurvivesALimitOnFilesAndKeepsTheProgramsSignals) {
  TemporaryFolder folder;
  const auto fails_quietly = [&] {
    const rlimit limit = {10, 10};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    sigset_t before, after, pending;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    const absl::Status status = WriteAtomically(folder.path(), "f", std::string(100, 'x'));
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    if (std::string(status.message()).find(std::strerror(EFBIG)) == std::string::npos) return 2;
    if (CheckWritable(folder.path(), 100).ok()) return 3;
    for (int signal = 1; signal < NSIG; ++signal) {
      if (sigismember(&before, signal) != sigismember(&after, signal)) return 4;
    }
    struct sigaction action;
    if (sigaction(SIGXFSZ, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return 5;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 0 ? 0 : 6;
  };
  EXPECT_EQ(InChild(fails_quietly), 0) << "negative: killed by that signal";
  // A program that holds one pending of its own finds it there.
  EXPECT_EQ(InChild([&] {
              sigset_t held, pending;
              sigemptyset(&held);
              sigaddset(&held, SIGXFSZ);
              pthread_sigmask(SIG_BLOCK, &held, nullptr);
              raise(SIGXFSZ);
              const rlimit limit = {10, 10};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              if (WriteAtomically(folder.path(), "f", std::string(100, 'x')).ok()) return 2;
              return sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1 ? 0 : 3;
            }),
            0);
  EXPECT_THAT(AllNames(folder.path()), IsEmpty());
}

TEST(CheckWritable, WritesAndLeavesNothing) {
  TemporaryFolder folder;
  EXPECT_TRUE(CheckWritable(folder / "a/b", 4096).ok());
  EXPECT_THAT(AllNames(folder.path()), ElementsAre("a", "b"));
  WriteText(folder / "file", "");
  EXPECT_THAT(std::string(CheckWritable(folder / "file/a", 4096).message()),
              StartsWith(folder / "file/a: "));
}

TEST(RemoveLeftOvers, TakesOldTemporariesOnly) {
  TemporaryFolder folder;
  for (const char* name : {".tmp-1-0", ".tmp-2-0", "record.toml"}) WriteText(folder / name, "");
  const timespec old[] = {{time(nullptr) - 7200, 0}, {time(nullptr) - 7200, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (folder / ".tmp-1-0").c_str(), old, 0), 0);
  RemoveLeftOvers(folder.path());
  EXPECT_THAT(AllNames(folder.path()), ::testing::UnorderedElementsAre(".tmp-2-0", "record.toml"));
  RemoveLeftOvers(folder / "none");
}

TEST(ListFolder, SortsAndHides) {
  TemporaryFolder folder;
  for (const char* name : {"b", "a", ".tmp-1-1", "c"}) WriteText(folder / name, "");
  EXPECT_THAT(ListFolder(folder.path()).value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ListFolder(folder / "none").value(), IsEmpty());
  EXPECT_THAT(std::string(ListFolder(folder / "a").status().message()), StartsWith(folder / "a: "));
}

}  // namespace
}  // namespace jitattn::cache
