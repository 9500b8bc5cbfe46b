// Faults while writing: full disks, killed writers, concurrent writers and readers.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cache/store.h"
#include "tests/cache/cache_testing.h"

namespace jitattn::cache {
namespace {

Store TestStore(const std::string& root) { return Store(root, TestCpu(), TestHost()); }

// A record whose parts all tell the same number, so that a mixture of two would show.
Record Numbered(int number) {
  Record record = TestRecord();
  record.result.seed = number;
  record.result.machine_flags.assign(1 + number % 40, absl::StrCat("number ", number));
  record.date = absl::StrCat("number ", number);
  return record;
}

bool IsWhole(const Record& record) {
  return AllFields(record) == AllFields(Numbered(static_cast<int>(record.result.seed)));
}

bool HasTemporaryFile(const std::string& folder) {
  const auto names = AllNames(folder);
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return name.starts_with(".tmp"); });
}

// Puts a second record where nothing more fits. The first must stand, and no other file.
// 0, or which of the checks failed; run in a child, which cannot use EXPECT.
int CheckFailedPut(const Store& store, std::string_view why) {
  const absl::Status status = store.Put(Numbered(39)).status();
  if (status.ok()) return 10;
  if (std::string(status.message()).find(why) == std::string::npos) {
    fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 11;
  }
  const auto old = store.Get(TestRecord().key);
  if (!old.ok() || old->record.result.seed != 0 || !IsWhole(old->record)) return 12;
  return HasTemporaryFile(store.root()) ? 13 : 0;
}

TEST(FullDisk, FileSizeLimitLeavesTheOldRecord) {
  TemporaryFolder folder;
  const Store store = TestStore(folder.path());
  ASSERT_TRUE(store.Put(Numbered(0)).ok());
  EXPECT_EQ(InChild([&] {
              const rlimit limit = {1000, 1000};  // a part of the record
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              return CheckFailedPut(store, std::strerror(EFBIG));
            }),
            0);
  EXPECT_TRUE(store.Put(Numbered(1)).ok());
}

bool Write(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  return written;
}

// In a mount namespace of its own, so that nothing stays mounted; as root inside a user namespace
// where we are not root outside. False where the system allows neither.
bool EnterMountNamespace() {
  const uid_t uid = geteuid(), gid = getegid();
  if (unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (uid != 0 && !(Write("/proc/self/setgroups", "deny") &&
                    Write("/proc/self/uid_map", absl::StrCat("0 ", uid, " 1")) &&
                    Write("/proc/self/gid_map", absl::StrCat("0 ", gid, " 1")))) {
    return false;
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

constexpr int kNoNamespace = 99;

TEST(FullDisk, NoSpaceLeavesTheOldRecord) {
  TemporaryFolder folder;
  const int result = InChild([&] {
    if (!EnterMountNamespace()) return kNoNamespace;
    // 16 pages: enough for folders and a record or two.
    if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) return kNoNamespace;
    const Store store = TestStore(folder.path());
    if (!store.Put(Numbered(0)).ok()) return 1;
    const int filler = open((folder / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    for (int i = 0; i < 32; ++i) {
      if (write(filler, page.data(), page.size()) <= 0) break;
    }
    if (const int failed = CheckFailedPut(store, std::strerror(ENOSPC))) return failed;
    // With room again, all is well again.
    if (ftruncate(filler, 0) != 0) return 2;
    close(filler);
    return store.Put(Numbered(1)).ok() ? 0 : 3;
  });
  if (result == kNoNamespace) GTEST_SKIP() << "needs leave to mount a tmpfs";
  EXPECT_EQ(result, 0);
}

TEST(ReadOnly, LeavesTheOldRecord) {
  TemporaryFolder folder;
  const int result = InChild([&] {
    if (!EnterMountNamespace()) return kNoNamespace;
    if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) return kNoNamespace;
    const Store store = TestStore(folder.path());
    if (!store.Put(Numbered(0)).ok()) return 1;
    if (mount("none", folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return 2;
    }
    return CheckFailedPut(store, std::strerror(EROFS));
  });
  if (result == kNoNamespace) GTEST_SKIP() << "needs leave to mount a tmpfs";
  EXPECT_EQ(result, 0);
}

TEST(Race, EveryReadIsOneWholeRecord) {
  constexpr int kWriters = 4, kReaders = 2, kPuts = 120;
  TemporaryFolder folder;
  const Store store = TestStore(folder.path());
  ASSERT_TRUE(store.Put(Numbered(0)).ok());
  int writing[2];  // open at its other end as long as somebody writes
  ASSERT_EQ(pipe2(writing, O_NONBLOCK | O_CLOEXEC), 0);

  std::vector<pid_t> children;
  for (int reader = 0; reader < kReaders; ++reader) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    close(writing[1]);
    char byte;
    do {
      const auto got = store.Get(TestRecord().key);
      if (!got.ok()) {
        fprintf(stderr, "%s\n", got.status().ToString().c_str());
        _exit(1);
      }
      if (!IsWhole(got->record)) _exit(2);
    } while (read(writing[0], &byte, 1) != 0);  // until the last writer has ended
    _exit(0);
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    for (int i = 0; i < kPuts; ++i) {
      if (!store.Put(Numbered(1 + writer * kPuts + i)).ok()) _exit(3);
    }
    _exit(0);
  }
  close(writing[1]);
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "1: a read failed, 2: a mixed record, 3: a write failed";
  }
  close(writing[0]);
  EXPECT_FALSE(HasTemporaryFile(folder.path()));
  EXPECT_EQ(AllNames(folder.path()).size(), 2u) << "a folder and a record";
}

TEST(Kill, InTheMiddleOfAPutHarmsNothing) {
  TemporaryFolder folder;
  const Store store = TestStore(folder.path());
  ASSERT_TRUE(store.Put(Numbered(0)).ok());
  for (int round = 0; round < 40; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0;; ++i) static_cast<void>(store.Put(Numbered(i % 1000)));
    }
    usleep(500 + 377 * round);  // from before the first put to many puts later
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself";
    const auto got = store.Get(TestRecord().key);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(IsWhole(got->record));
  }
  std::vector<RejectedRecord> rejected;
  EXPECT_EQ(store.List(true, &rejected).size(), 1u) << "temporary files are no records";
  EXPECT_TRUE(rejected.empty());
}

}  // namespace
}  // namespace jitattn::cache
