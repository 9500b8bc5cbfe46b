// Warnings about a machine, from folders that imitate /proc and /sys.

#include "runtime/machine_flags.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/cpu_topology.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Machine : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "machineXXXXXX";
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  std::string root_;
};

TEST_F(Machine, AnEmptyTreeSaysNothingOfTheMachine) {
  for (const std::string& flag : MachineWatch(root_).Flags()) {
    EXPECT_THAT(flag, HasSubstr("OMP_WAIT_POLICY"));  // of this process, not of the tree
  }
}

TEST_F(Machine, SettingsThatMoveTheClock) {
  const std::string cpu = std::to_string(AllowedCpus().front());
  Write("/sys/devices/system/cpu/cpu" + cpu + "/cpufreq/scaling_governor", "powersave");
  Write("/sys/devices/system/cpu/intel_pstate/no_turbo", "0");
  Write("/sys/devices/system/cpu/smt/active", "1");
  const auto flags = MachineWatch(root_).Flags();
  EXPECT_THAT(flags, Contains(Mentions({"governor", "powersave"})));
  EXPECT_THAT(flags, Contains(Mentions({"turbo"})));
  EXPECT_THAT(flags, Contains(Mentions({"smt"})));

  Write("/sys/devices/system/cpu/cpu" + cpu + "/cpufreq/scaling_governor", "performance");
  Write("/sys/devices/system/cpu/intel_pstate/no_turbo", "1");
  Write("/sys/devices/system/cpu/smt/active", "0");
  for (const std::string& flag : MachineWatch(root_).Flags()) {
    EXPECT_THAT(flag, HasSubstr("OMP_WAIT_POLICY"));
  }
}

TEST_F(Machine, LoadOfOthers) {
  Write("/proc/loadavg", "1000.50 3.00 2.00 1/100 4711");
  EXPECT_THAT(MachineWatch(root_).Flags(), Contains(HasSubstr("load 1000.")).Times(1));
  Write("/proc/loadavg", "0.10 3.00 2.00 1/100 4711");
  EXPECT_THAT(MachineWatch(root_).Flags(), Not(Contains(HasSubstr("load"))));
}

TEST_F(Machine, WhatIsStolenOrThrottledWhileWatching) {
  Write("/proc/stat", "cpu  100 0 0 100 0 0 0 900 0 0\ncpu0 1 2 3");
  Write("/sys/fs/cgroup/cpu.stat", "nr_periods 10\nnr_throttled 7\nthrottled_usec 5");
  const MachineWatch watch(root_);
  // What was stolen before does not matter.
  EXPECT_THAT(watch.Flags(), Not(Contains(HasSubstr("steal"))));
  EXPECT_THAT(watch.Flags(), Not(Contains(HasSubstr("throttled"))));
  Write("/proc/stat", "cpu  190 0 0 100 0 0 0 910 0 0\ncpu0 1 2 3");
  Write("/sys/fs/cgroup/cpu.stat", "nr_periods 20\nnr_throttled 9\nthrottled_usec 50");
  EXPECT_THAT(watch.Flags(), Contains(Mentions({"steal", "10"})));
  EXPECT_THAT(watch.Flags(), Contains(Mentions({"throttled", "2"})));
}

TEST_F(Machine, Affinity) {
  Write("/sys/devices/system/cpu/online", "0-1023");
  EXPECT_THAT(MachineWatch(root_).Flags(), Contains(Mentions({"1024"})));
}

}  // namespace
}  // namespace jitattn::runtime
