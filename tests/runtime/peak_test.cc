// Probes measure with the requested ISA, and report what they measured.

#include "runtime/peak.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jit/probe.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/needs.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using testing::HasSubstr;
using testing::Not;

// No test here judges speed; numbers need only be plausible.
void ExpectPlausible(PeakProbe& probe) {
  probe.Sample();
  const double first = probe.best();
  EXPECT_TRUE(std::isfinite(first) && first > 1e6) << first << ": " << probe.describe();
  probe.Sample();
  EXPECT_GE(probe.best(), first);
}

TEST(PeakProbes, Fma) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const int threads : {1, 2}) {
      auto probe = MakeFmaProbe(dtype, HostCpu().isa, threads, HostCpu());
      ASSERT_TRUE(probe.ok()) << probe.status();
      ExpectPlausible(**probe);
      EXPECT_THAT((*probe)->describe(),
                  Mentions({std::string(Name(dtype)), absl::StrCat(threads)}));
    }
  }
}

TEST(PeakProbes, TheCapIsKept) {
  auto avx2 = MakeFmaProbe(DType::kF32, Isa::kAvx2, 1, HostCpu());
  ASSERT_TRUE(avx2.ok());
  (*avx2)->Sample();
  EXPECT_THAT((*avx2)->describe(), Not(HasSubstr("512-bit")));
  // The cpu's own cap counts as well, and without emitted code the probe says so.
  const Cpu none = Capped(HostCpu(), Isa::kPortable);
  auto portable = MakeFmaProbe(DType::kF32, Isa::kAvx512, 1, none);
  ASSERT_TRUE(portable.ok());
  ExpectPlausible(**portable);
  EXPECT_THAT((*portable)->describe(), Not(HasSubstr("-bit")));
}

TEST(PeakProbes, Bandwidth) {
  for (const Isa isa : {HostCpu().isa, Isa::kPortable}) {
    for (const Traffic traffic : {Traffic::kRead, Traffic::kCopy}) {
      for (const int64_t bytes : {int64_t{1}, int64_t{100000}, int64_t{3} << 20}) {
        auto probe = MakeBandwidthProbe(traffic, bytes, isa, 2, HostCpu());
        ASSERT_TRUE(probe.ok()) << probe.status();
        ExpectPlausible(**probe);
        EXPECT_THAT((*probe)->describe(), HasSubstr(traffic == Traffic::kRead ? "read" : "copy"));
      }
    }
  }
}

TEST(PeakProbes, ABufferThatNoMachineHas) {
  auto probe = MakeBandwidthProbe(Traffic::kCopy, int64_t{1} << 60, HostCpu().isa, 1, HostCpu());
  EXPECT_EQ(probe.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Clock, IsThatOfAComputer) {
  const double hz = MeasureClockHz();
  EXPECT_GT(hz, 1e8);
  EXPECT_LT(hz, 1e10);
}

class EmittedProbes : public testing::TestWithParam<Isa> {};

// What a probe copies has arrived: the streams are where the arguments say.
TEST_P(EmittedProbes, CopyEveryByteOfEveryStream) {
  using jit::ProbeSpec;
  const Isa isa = GetParam();
  if (const std::string needs = jit::testing::Needs(isa); !needs.empty()) GTEST_SKIP() << needs;
  for (const auto kind : {ProbeSpec::Kind::kCopy, ProbeSpec::Kind::kCopyNonTemporal}) {
    for (const int streams : {1, 2, 3, 4}) {
      const auto probe = jit::EmitProbe({kind, isa, DType::kF32, streams}, HostCpu());
      ASSERT_TRUE(probe.ok()) << probe.status();
      const int64_t stream_bytes = 3 * jit::kProbeStepBytes, bytes = streams * stream_bytes;
      std::vector<char> src(bytes), memory(bytes + 128, 0);
      for (int64_t i = 0; i < bytes; ++i) src[i] = static_cast<char>(1 + i % 127);
      char* dst = memory.data() + 64 - reinterpret_cast<uintptr_t>(memory.data()) % 64;
      (*probe)->Run({src.data(), dst, stream_bytes, 2});
      EXPECT_EQ(std::string(dst, bytes), std::string(src.data(), bytes)) << streams;
      EXPECT_EQ(dst[-1], 0);
      EXPECT_EQ(dst[bytes], 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EmittedProbes, testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST(EmittedProbesOfDescribedCpus, RefuseWhatThereAreNoRegistersFor) {
  using jit::ProbeSpec;
  const auto many = jit::EmitProbe({ProbeSpec::Kind::kFma, Isa::kAvx2, DType::kF32, 15},
                                   jit::testing::FullCpu(Isa::kAvx2));
  EXPECT_THAT(many.status().message(), Mentions({"15", "14"}));
  const Cpu none = Capped(HostCpu(), Isa::kPortable);
  EXPECT_THAT(jit::EmitProbe({.isa = Isa::kAvx2}, none).status().message(),
              Mentions({"avx2", "none"}));
}

}  // namespace
}  // namespace jitattn::runtime
