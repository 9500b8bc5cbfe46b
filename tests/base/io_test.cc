// Reading and writing as much as was asked for.

#include "base/io.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace jitattn {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

TEST(IoTest, ReadsToTheEndOfTheFile) {
  const File file(memfd_create("io", MFD_CLOEXEC));
  ASSERT_TRUE(WriteFully(file.fd(), "abcdef", 6));
  std::string text(10, '.');
  EXPECT_EQ(ReadFully(file.fd(), text.data(), 10), 0) << "the file stands at its end";
  EXPECT_EQ(ReadFully(file.fd(), text.data(), 10, 0), 6);
  EXPECT_EQ(text, "abcdef....");
  EXPECT_EQ(ReadFully(file.fd(), text.data(), 2, 3), 2);
  EXPECT_EQ(text, "decdef....");
}

TEST(IoTest, WritesWhereItIsTold) {
  const File file(memfd_create("io", MFD_CLOEXEC));
  ASSERT_TRUE(WriteFully(file.fd(), "abcdef", 6));
  ASSERT_TRUE(WriteFully(file.fd(), "XY", 2, 1));
  ASSERT_TRUE(WriteFully(file.fd(), "g", 1)) << "where the file stood";
  std::string text(7, '.');
  EXPECT_EQ(ReadFully(file.fd(), text.data(), 7, 0), 7);
  EXPECT_EQ(text, "aXYdefg");
  EXPECT_TRUE(WriteFully(file.fd(), nullptr, 0));
}

TEST(IoTest, SaysWhyNot) {
  char byte = 0;
  errno = 0;
  EXPECT_EQ(ReadFully(-1, &byte, 1), -1);
  EXPECT_EQ(errno, EBADF);
  errno = 0;
  EXPECT_FALSE(WriteFully(-1, &byte, 1));
  EXPECT_EQ(errno, EBADF);
  const File full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (full.fd() < 0) GTEST_SKIP() << "no /dev/full";
  EXPECT_FALSE(WriteFully(full.fd(), &byte, 1));
  EXPECT_EQ(errno, ENOSPC);
}

// More than a pipe holds, and a signal without SA_RESTART again and again.
TEST(IoTest, GoesOnAfterShortTransfersAndSignals) {
  struct sigaction action = {}, before;
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const File out(ends[0]);
  std::string sent(1 << 20, 'x'), received(sent.size(), '.');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 % 251);
  bool written = false;
  std::thread writer([&] {
    const File in(ends[1]);
    written = WriteFully(in.fd(), sent.data(), static_cast<int64_t>(sent.size()));
  });
  int64_t got = 0;
  while (got < static_cast<int64_t>(sent.size())) {
    pthread_kill(writer.native_handle(), SIGUSR1);
    const int64_t some = ReadFully(out.fd(), received.data() + got, 1 << 17);
    ASSERT_EQ(some, 1 << 17);
    got += some;
  }
  writer.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(received, sent);
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace jitattn
