// Detection: the real machine against /proc/cpuinfo, caps, and trees of files that tests make.

#include "base/cpu.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/cpu_topology.h"
#include "base/log.h"
#include "base/small_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/emulated.h"
#include "tests/mentions.h"
#include "tests/scoped_env.h"

namespace jitattn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

// A root folder with files of the test's own making.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = ::testing::TempDir() + "jitattn_cpu_XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(root_); }

  FakeRoot& Add(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << '\n';
    return *this;
  }
  // A control group: the folder with the file that every group has.
  FakeRoot& AddGroup(const std::string& path) { return Add(path + "/cgroup.procs", ""); }
  const std::string& path() const { return root_; }

 private:
  std::string root_;
};

class MaxIsaTest : public ::testing::Test {
 private:
  const ScopedEnv as_found_{"JITATTN_MAX_ISA", std::nullopt};
};

std::string CpuInfoFlags() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("flags", 0) == 0) return line + ' ';
  }
  return "";
}

TEST(IsaTest, NamesRoundTrip) {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512})
    EXPECT_THAT(IsaFromName(Name(isa)), Optional(isa));
  EXPECT_EQ(IsaFromName("avx1024"), std::nullopt);
  EXPECT_EQ(IsaFromName(""), std::nullopt);
}

TEST(CpuTest, AgreesWithTheKernelsFlags) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  const std::string flags = CpuInfoFlags();
  if (flags.empty()) GTEST_SKIP() << "needs flags in /proc/cpuinfo";
  const auto has = [&](const char* flag) {
    return flags.find(std::string(" ") + flag + " ") != flags.npos;
  };
  const ScopedEnv uncapped("JITATTN_MAX_ISA", std::nullopt);
  const Cpu cpu = DetectCpu();
  const bool avx2 = has("avx2") && has("fma") && has("bmi2");
  const bool avx512 =
      avx2 && has("avx512f") && has("avx512dq") && has("avx512bw") && has("avx512vl");
  EXPECT_EQ(cpu.detected_isa >= Isa::kAvx2, avx2);
  EXPECT_EQ(cpu.detected_isa >= Isa::kAvx512, avx512);
  EXPECT_EQ(cpu.isa, cpu.detected_isa);
  EXPECT_EQ(cpu.f16c, avx2 && has("f16c"));
  EXPECT_EQ(cpu.avx512_bf16, avx512 && has("avx512_bf16"));
  EXPECT_EQ(cpu.avx512_vnni, avx512 && has("avx512_vnni"));
  EXPECT_EQ(cpu.avx512_fp16, avx512 && has("avx512_fp16"));
}

TEST(CpuTest, DescribesThisMachine) {
  const Cpu cpu = DetectCpu();
  EXPECT_FALSE(cpu.vendor.empty());
  EXPECT_GE(cpu.l1d_bytes, 8 << 10);
  EXPECT_GE(cpu.l2_bytes, cpu.l1d_bytes);
  EXPECT_GE(cpu.l3_bytes, cpu.l2_bytes);
  EXPECT_THAT(cpu.line_bytes, ::testing::AnyOf(32, 64, 128));
  EXPECT_GE(cpu.physical_cores, 1);
  EXPECT_GE(cpu.logical_cpus, cpu.physical_cores);
  EXPECT_LE(cpu.logical_cpus, static_cast<int>(AllowedCpus().size()));
  const CacheSizes from_sysfs = ReadCacheSizes("");
  if (from_sysfs.l1d_bytes > 0) {
    EXPECT_EQ(cpu.l1d_bytes, from_sysfs.l1d_bytes);
    EXPECT_EQ(cpu.l2_bytes, from_sysfs.l2_bytes);
    EXPECT_EQ(cpu.line_bytes, from_sysfs.line_bytes);
  }
}

TEST_F(MaxIsaTest, CapsWhatIsDetected) {
  const Isa detected = DetectCpu().detected_isa;
  for (Isa cap : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    setenv("JITATTN_MAX_ISA", std::string(Name(cap)).c_str(), 1);
    const Cpu cpu = DetectCpu();
    EXPECT_EQ(cpu.isa, std::min(cap, detected));
    EXPECT_EQ(cpu.detected_isa, detected);
  }
}

TEST_F(MaxIsaTest, AnotherWordCapsNothingAndIsReportedOnce) {
  std::vector<std::string> lines;
  SetLogHook([](int, const char* line,
                void* to) { static_cast<std::vector<std::string>*>(to)->push_back(line); },
             &lines);
  setenv("JITATTN_MAX_ISA", "sse9", 1);
  const Cpu cpu = DetectCpu();
  DetectCpu();
  SetLogHook(nullptr, nullptr);
  EXPECT_EQ(cpu.isa, cpu.detected_isa);
  EXPECT_THAT(lines, ElementsAre(Mentions({"JITATTN_MAX_ISA", "sse9"})));
}

TEST(CappedTest, RemovesEverythingAboveTheCap) {
  const Cpu all = {.vendor = "AuthenticAMD",
                   .family = 25,
                   .isa = Isa::kAvx512,
                   .detected_isa = Isa::kAvx512,
                   .f16c = true,
                   .avx512_bf16 = true,
                   .avx512_vnni = true,
                   .avx512_fp16 = true};
  const Cpu avx2 = Capped(all, Isa::kAvx2);
  EXPECT_EQ(avx2.isa, Isa::kAvx2);
  EXPECT_TRUE(avx2.f16c);
  EXPECT_FALSE(avx2.avx512_bf16 || avx2.avx512_vnni || avx2.avx512_fp16);
  const Cpu none = Capped(all, Isa::kPortable);
  EXPECT_EQ(none.isa, Isa::kPortable);
  EXPECT_FALSE(none.f16c);
  EXPECT_EQ(Capped(none, Isa::kAvx512).isa, Isa::kPortable) << "a cap adds nothing";
}

TEST(CappedTest, CountsFmaUnitsOfTheIsaInUse) {
  Cpu cpu = {.vendor = "AuthenticAMD", .family = 25, .model = 17, .isa = Isa::kAvx512};
  EXPECT_EQ(Capped(cpu, Isa::kAvx512).fma_units, 1) << "Zen 4 splits 512 bits in two";
  EXPECT_EQ(Capped(cpu, Isa::kAvx2).fma_units, 2);
  cpu.vendor = "GenuineIntel";
  cpu.family = 6;
  cpu.model = 0x8F;
  EXPECT_EQ(Capped(cpu, Isa::kAvx512).fma_units, 2) << "Sapphire Rapids";
  cpu.model = 0x8C;
  EXPECT_EQ(Capped(cpu, Isa::kAvx512).fma_units, 1) << "Tiger Lake";
  cpu.brand = "Intel(R) Xeon(R) of a kind not yet known";
  EXPECT_EQ(Capped(cpu, Isa::kAvx512).fma_units, 2);
}

TEST(ParseCpuListTest, ReadsRangesAndRefusesTheRest) {
  EXPECT_THAT(ParseCpuList("0-3,8,10-11"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(ParseCpuList("7"), ElementsAre(7));
  for (const char* bad : {"", "a", "3-1", "-1", "0-", "0-99999999", "1;2"})
    EXPECT_THAT(ParseCpuList(bad), IsEmpty()) << bad;
}

TEST(CountCoresTest, CountsSiblingsOnceAndOnlyAllowedOnes) {
  FakeRoot root;
  for (int cpu = 0; cpu < 8; ++cpu) {  // cpu and cpu + 4 share a core
    std::ostringstream list;
    list << cpu % 4 << ',' << cpu % 4 + 4;
    root.Add("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
             list.str());
  }
  EXPECT_EQ(CountCores({0, 1, 2, 3, 4, 5, 6, 7}, root.path()), 4);
  EXPECT_EQ(CountCores({0, 4}, root.path()), 1);
  EXPECT_EQ(CountCores({0, 5}, root.path()), 2);
  EXPECT_EQ(CountCores({9, 10, 11}, root.path()), 3) << "without sysfs every CPU is a core";
}

TEST(CountCoresTest, TakesTheRatioOnLargeMachines) {
  FakeRoot root;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < 256; ++cpu) cpus.push_back(cpu);
  for (int cpu = 0; cpu < 32; ++cpu) {  // no more are read
    root.Add("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
             std::to_string(cpu) + ',' + std::to_string(cpu + 128));
  }
  EXPECT_EQ(CountCores(cpus, root.path()), 128);
}

TEST(CacheSizesTest, ReadsSysfs) {
  FakeRoot root;
  const std::string cache = "/sys/devices/system/cpu/cpu0/cache/";
  const auto add = [&](int index, const char* level, const char* type, const char* size) {
    const std::string folder = cache + "index" + std::to_string(index);
    root.Add(folder + "/level", level).Add(folder + "/type", type).Add(folder + "/size", size);
    root.Add(folder + "/coherency_line_size", "128");
  };
  add(0, "1", "Data", "48K");
  add(1, "1", "Instruction", "64K");
  add(2, "2", "Unified", "2048K");
  add(3, "3", "Unified", "32M");
  const CacheSizes sizes = ReadCacheSizes(root.path());
  EXPECT_EQ(sizes.l1d_bytes, 48 << 10);
  EXPECT_EQ(sizes.l2_bytes, 2 << 20);
  EXPECT_EQ(sizes.l3_bytes, 32 << 20);
  EXPECT_EQ(sizes.line_bytes, 128);
}

TEST(CpuQuotaTest, NoneWithoutGroupsOrLimits) {
  FakeRoot root;
  EXPECT_EQ(CpuQuota(root.path()), std::nullopt);
  root.Add("/proc/self/cgroup", "0::/user.slice").AddGroup("/sys/fs/cgroup/user.slice");
  root.Add("/sys/fs/cgroup/user.slice/cpu.max", "max 100000");
  EXPECT_EQ(CpuQuota(root.path()), std::nullopt);
}

TEST(CpuQuotaTest, Version2TakesTheLeastOnTheWayUp) {
  FakeRoot root;
  root.Add("/proc/self/cgroup", "0::/a/b/c").AddGroup("/sys/fs/cgroup/a/b/c");
  root.Add("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000");
  root.Add("/sys/fs/cgroup/a/b/cpu.max", "150000 100000");
  root.Add("/sys/fs/cgroup/a/cpu.max", "400000 100000");
  EXPECT_THAT(CpuQuota(root.path()), Optional(1.5));
}

TEST(CpuQuotaTest, Version1IsWhereItsControllersAre) {
  FakeRoot root;
  root.Add("/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/docker/7\n0::/elsewhere");
  root.AddGroup("/sys/fs/cgroup/cpu,cpuacct/docker/7");
  root.Add("/sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_quota_us", "250000");
  root.Add("/sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_period_us", "100000");
  root.Add("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1");
  root.Add("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
  EXPECT_THAT(CpuQuota(root.path()), Optional(2.5));
}

TEST(CpuQuotaTest, ContainerSeesOnlyItsSubtree) {
  FakeRoot root;
  root.Add("/proc/self/cgroup", "0::/docker/7/job");
  root.Add("/proc/self/mountinfo",
           "30 23 0:26 / /proc rw - proc proc rw\n"
           "31 23 0:28 /docker/7 /cg rw,relatime shared:3 - cgroup2 cgroup2 rw,nsdelegate");
  root.AddGroup("/cg/job").AddGroup("/cg");
  root.Add("/cg/job/cpu.max", "300000 100000").Add("/cg/cpu.max", "50000 100000");
  EXPECT_THAT(CpuQuota(root.path()), Optional(0.5));
}

TEST(CpuQuotaTest, GroupOutsideTheMountFallsBackToItsRoot) {
  FakeRoot root;
  root.Add("/proc/self/cgroup", "0::/../other");
  root.Add("/proc/self/mountinfo", "31 23 0:28 /docker/7 /cg rw - cgroup2 cgroup2 rw");
  root.AddGroup("/cg").Add("/cg/cpu.max", "200000 100000");
  EXPECT_THAT(CpuQuota(root.path()), Optional(2.0));
}

TEST(CpuQuotaTest, DamagedFilesGrantEverything) {
  FakeRoot root;
  root.Add("/proc/self/cgroup", "nonsense\n::\n0::/a").AddGroup("/sys/fs/cgroup/a");
  for (const char* text : {"", "x y", "0 100000", "100000", "100000 0", "-5 100000", "1 2 3"}) {
    root.Add("/sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(CpuQuota(root.path()), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace jitattn
