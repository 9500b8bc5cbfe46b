// From emitted code to a Kernel: pages, refusals, determinism, and a kernel's properties.

#include "jit/compile.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/problems.h"

namespace jitattn::jit {
namespace {

using testing::CompileFor;

// A kernel of the simpler operation. It is not run, so that its CPU need not be at hand.
SigmoidMulConfig AnyEmitted() { return {.isa = Isa::kAvx512, .vecs = 2}; }

const Cpu& AnyCpu() {
  static const Cpu* const cpu = new Cpu(testing::FullCpu(Isa::kAvx512));
  return *cpu;
}

class CompileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  }
};

// What /proc/self/maps says of the page at `address`: "r-xp".
std::string ProtectionOf(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    uintptr_t begin, end;
    char dash;
    std::string protection;
    words >> std::hex >> begin >> dash >> end >> protection;
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (begin <= at && at < end) return protection;
  }
  return "not mapped";
}

bool AnyPageIsWritableAndExecutable() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" rwx") != line.npos) return true;
  }
  return false;
}

TEST_F(CompileTest, CodeIsReadAndExecuteOnly) {
  const auto kernel = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(ProtectionOf((*kernel)->code().data()), "r-xp");
  EXPECT_FALSE(AnyPageIsWritableAndExecutable());
}

TEST_F(CompileTest, PagesGoWithTheKernel) {
  auto kernel = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  const uint8_t* code = (*kernel)->code().data();
  kernel->reset();
  EXPECT_NE(ProtectionOf(code), "r-xp");
}

TEST_F(CompileTest, BytesAreDeterministic) {
  const auto first = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
  const auto second = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE((*first)->code().data(), (*second)->code().data());
  EXPECT_TRUE(std::ranges::equal((*first)->code(), (*second)->code()))
      << "an address of this process is in the code";
  EXPECT_EQ((*first)->code_hash(), (*second)->code_hash());
  EXPECT_EQ((*first)->code_hash(), CodeHash((*first)->code()));
}

TEST(CodeHashTest, IsFnv1a) {  // test vectors of the algorithm's authors
  EXPECT_EQ(CodeHash({}), 0xcbf29ce484222325);
  const uint8_t a[] = {'a'}, foobar[] = {'f', 'o', 'o', 'b', 'a', 'r'};
  EXPECT_EQ(CodeHash(a), 0xaf63dc4c8601ec8c);
  EXPECT_EQ(CodeHash(foobar), 0x85944171f73967e8);
}

TEST_F(CompileTest, KernelTellsWhatItIs) {
  const SigmoidMulConfig config = AnyEmitted();
  const auto kernel = CompileFor(SigmoidMulSpec{}, config, AnyCpu());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ((*kernel)->name(), testing::NameFor(SigmoidMulSpec{}, config));
  EXPECT_EQ((*kernel)->scratch_bytes(0, 0), 0);
  ASSERT_FALSE((*kernel)->sections().empty());
  for (const Section& section : (*kernel)->sections()) {
    EXPECT_LT(section.begin, section.end) << section.name;
    EXPECT_LE(section.end, (*kernel)->code().size()) << section.name;
  }
  EXPECT_FALSE((*kernel)->registers().empty());
}

TEST(CompilePortableTest, HasNoCode) {
  const Cpu none = Capped(HostCpu(), Isa::kPortable);
  const auto silu = CompileFor(SigmoidMulSpec{}, ops::PortableSigmoidMulConfig{}, none);
  ASSERT_TRUE(silu.ok()) << silu.status();
  EXPECT_TRUE((*silu)->code().empty());
  EXPECT_EQ((*silu)->code_hash(), 0);
  EXPECT_EQ((*silu)->name(), "silu_f32_portable");
  const auto attention = CompileFor(AttentionSpec{}, ops::PortableAttentionConfig{}, none);
  ASSERT_TRUE(attention.ok()) << attention.status();
  EXPECT_EQ((*attention)->name(), "attn_f32_d64_portable");
  EXPECT_GT((*attention)->scratch_bytes(0, 0), 0);
}

TEST(CompileErrorTest, IsValidatesError) {
  const auto kernel = CompileFor(SigmoidMulSpec{}, SigmoidMulConfig{.vecs = 99}, HostCpu());
  EXPECT_EQ(kernel.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kernel.status(),
            testing::ValidateFor(SigmoidMulSpec{}, SigmoidMulConfig{.vecs = 99}, HostCpu()));
}

TEST(XbyakVersionTest, ReadsLikeAVersion) {
  EXPECT_THAT(XbyakVersion(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+"));
}

// Runs `body` in a child process and returns its exit status.
template <typename Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

constexpr int kCannotRefuse = 77;  // exit status: this Linux kernel has no such mechanism

// From here on the system call `call` fails with EACCES where its third argument, the protection of
// mmap and mprotect, has PROT_EXEC.
bool RefuseExecutable(uint32_t call) {
  const uint32_t protection = offsetof(seccomp_data, args[2]);  // low half: little endian
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protection),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// 0 if Compile says Unavailable, names the call, and the portable kernel still works.
int CheckRefused() {
  const auto kernel = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
  if (kernel.status().code() != absl::StatusCode::kUnavailable) return 1;
  if (kernel.status().message().find("no executable memory: mprotect: ") == std::string::npos)
    return 2;
  if (AnyPageIsWritableAndExecutable()) return 3;
  const auto portable = CompileFor(SigmoidMulSpec{}, ops::PortableSigmoidMulConfig{}, HostCpu());
  if (!portable.ok()) return 4;
  const SigmoidMulSpec spec;
  float x = 1, y = 0;
  (*portable)->Run(SigmoidMulArgs{&spec, &x, &y, 1, 1, 4, 4});
  return std::abs(y - 0.7310586f) < 1e-6f ? 0 : 5;
}

TEST_F(CompileTest, UnavailableWhereSeccompRefuses) {
  const int status =
      InChild([] { return RefuseExecutable(SYS_mprotect) ? CheckRefused() : kCannotRefuse; });
  if (status == kCannotRefuse) GTEST_SKIP() << "needs seccomp filters";
  EXPECT_EQ(status, 0);
}

TEST_F(CompileTest, UnavailableUnderMemoryDenyWriteExecute) {
  constexpr int kSetMdwe = 65, kRefuseExecGain = 1;  // PR_SET_MDWE, Linux 6.3
  const int status = InChild([] {
    return prctl(kSetMdwe, kRefuseExecGain, 0, 0, 0) == 0 ? CheckRefused() : kCannotRefuse;
  });
  if (status == kCannotRefuse) GTEST_SKIP() << "needs PR_SET_MDWE";
  EXPECT_EQ(status, 0);
}

std::string PerfMapOf(pid_t pid) { return "/tmp/perf-" + std::to_string(pid) + ".map"; }

TEST_F(CompileTest, PerfMapOnlyWhenAsked) {
  EXPECT_EQ(InChild([] {
              unsetenv("JITATTN_PERF_MAP");
              if (!CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu()).ok()) return 1;
              return access(PerfMapOf(getpid()).c_str(), F_OK) == 0 ? 2 : 0;
            }),
            0);
}

TEST_F(CompileTest, PerfMapNamesTheKernel) {
  EXPECT_EQ(InChild([] {
              setenv("JITATTN_PERF_MAP", "1", 1);
              const auto kernel = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu());
              if (!kernel.ok()) return 1;
              const std::string path = PerfMapOf(getpid());
              struct stat info;
              if (stat(path.c_str(), &info) != 0) return 2;
              std::ifstream file(path);
              uintptr_t start;
              size_t size;
              std::string name;
              file >> std::hex >> start >> size >> name;
              unlink(path.c_str());
              if ((info.st_mode & 0777) != 0600) return 3;
              if (start != reinterpret_cast<uintptr_t>((*kernel)->code().data())) return 4;
              if (size != (*kernel)->code().size()) return 5;
              return name == (*kernel)->name() ? 0 : 6;
            }),
            0);
}

TEST_F(CompileTest, PerfMapFollowsNoLink) {
  EXPECT_EQ(InChild([] {
              setenv("JITATTN_PERF_MAP", "1", 1);
              const std::string path = PerfMapOf(getpid()), victim = path + ".victim";
              close(open(victim.c_str(), O_CREAT | O_WRONLY, 0600));
              if (symlink(victim.c_str(), path.c_str()) != 0) return 1;
              const bool compiled = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu()).ok();
              struct stat by_symlink, by_hard_link;
              stat(victim.c_str(), &by_symlink);
              unlink(path.c_str());
              if (link(victim.c_str(), path.c_str()) != 0) return 2;
              const bool again = CompileFor(SigmoidMulSpec{}, AnyEmitted(), AnyCpu()).ok();
              stat(victim.c_str(), &by_hard_link);
              unlink(path.c_str());
              unlink(victim.c_str());
              if (!compiled || !again) return 3;
              return by_symlink.st_size == 0 && by_hard_link.st_size == 0 ? 0 : 4;
            }),
            0);
}

}  // namespace
}  // namespace jitattn::jit
