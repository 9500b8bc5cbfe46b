// The fingerprint of a CPU, and what makes a record unusable or stale.

#include "cache/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(Fingerprint, NamesTheFolder) {
  EXPECT_EQ(FolderName(TestHost()), "amd-25-17-avx512");
  Cpu cpu = TestCpu();
  cpu.vendor = "GenuineIntel";
  cpu.family = 6;
  cpu.model = 158;
  cpu.isa = cpu.detected_isa = Isa::kAvx2;
  EXPECT_EQ(FolderName(HostFingerprint(cpu)), "intel-6-158-avx2");
  cpu.vendor = "";
  cpu.isa = cpu.detected_isa = Isa::kPortable;
  EXPECT_EQ(FolderName(HostFingerprint(cpu)), "unknown-6-158-none");
}

TEST(Fingerprint, FolderHasNoCharacterThatAPathCouldMisread) {
  const Fingerprint odd = {
      .vendor = "../../ETC/\n\xff", .family = "25", .model = "*", .features = "avx2 avx512"};
  EXPECT_EQ(FolderName(odd), "------etc----25---avx512");
}

TEST(Fingerprint, IsTheSameUnderACap) {
  Cpu capped = TestCpu();
  capped.isa = Isa::kAvx2;
  EXPECT_EQ(FolderName(HostFingerprint(capped)), "amd-25-17-avx512");
  EXPECT_EQ(Compare(HostFingerprint(capped), TestHost()).stale, "");
}

TEST(Fingerprint, ReadsTheRunningKernel) {
  EXPECT_THAT(TestHost().kernel, MatchesRegex("[0-9]+[.][0-9]+"));
  EXPECT_THAT(TestHost().microcode, MatchesRegex("(0x[0-9a-f]+)?"));
}

TEST(Compare, EqualIsUsableAndFresh) {
  const HostMatch same = Compare(TestHost(), TestHost());
  EXPECT_TRUE(same.usable);
  EXPECT_EQ(same.stale, "");
  EXPECT_EQ(same.why_not, "");
}

TEST(Compare, HardFieldsDecide) {
  for (auto field : {&Fingerprint::vendor, &Fingerprint::family, &Fingerprint::model}) {
    Fingerprint recorded = TestHost();
    recorded.*field = "other";
    const HostMatch comparison = Compare(recorded, TestHost());
    EXPECT_FALSE(comparison.usable);
    EXPECT_THAT(comparison.why_not, HasSubstr("other"));
    EXPECT_THAT(comparison.why_not, HasSubstr(TestHost().*field));
    recorded.*field = "";  // a hard field that is not known is no match either
    EXPECT_FALSE(Compare(recorded, TestHost()).usable);
  }
}

TEST(Compare, SoftFieldsMarkAsStale) {
  Fingerprint host = TestHost();
  host.microcode = "0xa101148";
  Fingerprint recorded = host;
  recorded.microcode = "0xa101144";
  recorded.cores = "64";
  const HostMatch comparison = Compare(recorded, host);
  EXPECT_TRUE(comparison.usable);
  EXPECT_EQ(comparison.stale, "microcode 0xa101148, was 0xa101144; cores 8, was 64");
}

TEST(Compare, EachSoftFieldCounts) {
  Fingerprint host = TestHost();
  for (auto field : {&Fingerprint::stepping, &Fingerprint::features, &Fingerprint::microcode,
                     &Fingerprint::kernel, &Fingerprint::cores, &Fingerprint::l1d_bytes,
                     &Fingerprint::l2_bytes, &Fingerprint::l3_bytes}) {
    host.*field = "known";
    Fingerprint recorded = host;
    recorded.*field = "other";
    EXPECT_THAT(Compare(recorded, host).stale, Mentions({"known", "other"}));
    recorded.*field = "";
    EXPECT_EQ(Compare(recorded, host).stale, "") << "what was not known cannot be told to differ";
  }
}

TEST(Compare, StarMatchesAnything) {
  const Fingerprint any = {"*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*"};
  const HostMatch comparison = Compare(any, TestHost());
  EXPECT_TRUE(comparison.usable);
  EXPECT_EQ(comparison.stale, "");
  // Only in a record: a host that calls itself "*" is not every host.
  EXPECT_FALSE(Compare(TestHost(), any).usable);
}

}  // namespace
}  // namespace jitattn::cache
