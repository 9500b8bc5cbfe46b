// Cases without a machine: all can be laid out, the same way each time, and their checks see what
// is wrong.

#include "tests/emulate/cases.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jit/sigmoid_mul/args.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/emulate/cpus.h"

namespace jitattn::emulate {

void PrintTo(const EmulatedCpu& cpu, std::ostream* os) { *os << cpu.name; }

namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CasesTest : public ::testing::TestWithParam<EmulatedCpu> {};

TEST_P(CasesTest, HaveNamesOfTheirOwnAndFitTheRom) {
  const Cpu cpu = Described(GetParam());
  std::set<std::string> names;
  for (const Case& a_case : Cases(cpu)) {
    EXPECT_TRUE(names.insert(a_case.name).second) << a_case.name;
    Image image(Xcr0(cpu.isa));
    a_case.prepare(image, 0);
    // Half of the ROM: the other half is what a batch holds before a case is added.
    EXPECT_LT(image.bytes(), Image::kMaxRomBytes / 2) << a_case.name;
  }
  EXPECT_EQ(names.empty(), cpu.isa == Isa::kPortable);
}

TEST_P(CasesTest, AreTheSameEachTime) {
  const Cpu cpu = Described(GetParam());
  const auto rom = [&] {
    Image image(Xcr0(cpu.isa));
    uint32_t number = 0;
    for (const Case& a_case : Cases(cpu))
      if (a_case.name.find(".f32.") != std::string::npos) a_case.prepare(image, number++);
    return image.Rom();
  };
  EXPECT_TRUE(rom() == rom());
}

INSTANTIATE_TEST_SUITE_P(All, CasesTest, ::testing::ValuesIn(EmulatedCpus()), [](const auto& info) {
  std::string name(info.param.name);
  std::erase(name, '-');
  return name;
});

class ChecksTest : public ::testing::Test {
 protected:
  Check Prepare(const std::string& name) {
    const Cpu cpu = Described(*FindCpu("skylake-x"));
    for (const Case& a_case : Cases(cpu))
      if (a_case.name == name) return a_case.prepare(image_, 0);
    ADD_FAILURE() << "no case " << name;
    return nullptr;
  }

  Image image_{7};
};

TEST_F(ChecksTest, SeeThatNothingCame) {
  for (const std::string name :
       {"attention.avx512.f32.none.tiles.natural", "attention.avx512.bf16.causal.rows.parts",
        "sigmoid-mul.avx512.f16.table-register.rows"}) {
    EXPECT_THAT(Prepare(name)({}), HasSubstr("the machine stopped")) << name;
  }
}

TEST_F(ChecksTest, SeeAFault) {
  const Check check = Prepare("sigmoid-mul.avx512.f32.table-register.rows");
  const CaseAnswers answers = {.fault = Fault{kUndefinedInstruction, 0, 0x5500'0000'1000, 0}};
  EXPECT_THAT(check(answers), StartsWith("undefined instruction (6) at rip 0x550000001000"));
}

TEST_F(ChecksTest, SeeThatAFaultIsMissing) {
  EXPECT_THAT(Prepare("fault.avx512.read-behind")({}), HasSubstr("no fault"));
  EXPECT_THAT(Prepare("attention.avx512.bf16.none.tiles.pairs")({}), HasSubstr("ran its pairs"));
  // A fault, but another one.
  const CaseAnswers answers = {.fault = Fault{kPageFault, 2, 0x1000, 0x2000}};
  EXPECT_THAT(Prepare("fault.avx512.read-behind")(answers), HasSubstr("no read from"));
  EXPECT_THAT(Prepare("attention.avx512.bf16.none.tiles.pairs")(answers), HasSubstr("page fault"));
}

// A kernel in an image, and what a machine could say of its run.
class RunsTest : public ChecksTest {
 protected:
  std::string CheckRun(uint64_t code_hash, uint64_t spoilt, uint32_t mxcsr) {
    const Cpu cpu = Described(*FindCpu("haswell"));
    KernelInImage kernel(&image_, 0,
                         MustCompile(ops::SigmoidMulProblem{},
                                     jit::SigmoidMulConfig{.isa = cpu.isa, .vecs = 1}, cpu));
    kernel.Run(jit::SigmoidMulArgs{});
    const uint64_t hash = kernel.kernel().code_hash() + code_hash;
    return kernel.CheckRuns({.runs = {{hash, spoilt, mxcsr}}});
  }
};

TEST_F(RunsTest, CodeRegistersAndModesAreHeldToWhatTheyWere) {
  EXPECT_EQ(CheckRun(0, 0, 0x1F80), "");
  EXPECT_EQ(CheckRun(0, 0, 0x1FA2), "") << "flags of exceptions may be raised";
  EXPECT_THAT(CheckRun(1, 0, 0x1F80), HasSubstr("code has changed"));
  EXPECT_THAT(CheckRun(0, kSpoiltRegister, 0x1F80), HasSubstr("register"));
  EXPECT_THAT(CheckRun(0, kSpoiltStack, 0x1F80), HasSubstr("stack pointer"));
  EXPECT_THAT(CheckRun(0, kSpoiltDirection, 0x1F80), HasSubstr("direction flag"));
  EXPECT_THAT(CheckRun(0, 0, 0x3F80), HasSubstr("MXCSR is 0x3f80"));
}

TEST(CheckCpu, SeesWhatIsNotAsDescribed) {
  const Cpu described = Described(*FindCpu("icelake"));
  CpuAnswer answer = {.xcr0 = 0xE7, .avx2 = true, .f16c = true, .avx512 = true};
  EXPECT_EQ(CheckCpu(described, answer), "avx512_vnni is described and missing");
  answer.avx512_vnni = true;
  EXPECT_EQ(CheckCpu(described, answer), "");
  answer.avx512_bf16 = true;
  EXPECT_THAT(CheckCpu(described, answer), HasSubstr("avx512_bf16 is there and not described"));
  answer.avx512_bf16 = false;
  answer.xcr0 = 7;
  EXPECT_THAT(CheckCpu(described, answer), HasSubstr("XCR0 is 0x7, not 0xe7"));
}

}  // namespace
}  // namespace jitattn::emulate
