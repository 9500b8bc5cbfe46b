// Answers as a machine says them: whole, broken off, and none at all.

#include "tests/emulate/answers.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/emulate/boot.h"
#include "tests/emulate/qemu.h"

namespace jitattn::emulate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Say(std::vector<uint8_t>* said, Answer kind, uint64_t number, uint64_t a, uint64_t b,
         uint64_t c, const std::vector<uint8_t>& payload = {}) {
  const Record record = {kMagic, kind, number, a, b, c};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
  said->insert(said->end(), bytes, bytes + sizeof record);
  said->insert(said->end(), payload.begin(), payload.end());
}

std::vector<uint8_t> Leaves(const std::vector<std::array<uint32_t, 4>>& leaves) {
  std::vector<uint8_t> bytes(sizeof(uint32_t) * 4 * leaves.size());
  std::memcpy(bytes.data(), leaves.data(), bytes.size());
  return bytes;
}

TEST(Answers, AreSortedByCase) {
  std::vector<uint8_t> said;
  Say(&said, Answer::kRan, 3, 0x1234, kSpoiltStack, 0x1F80);
  Say(&said, Answer::kData, 3, 0x5000, 3, 0, {7, 8, 9});
  Say(&said, Answer::kRan, 3, 0x1234, 0, 0x1FA0);
  Say(&said, Answer::kFault, 4, kPageFault | uint64_t{2} << 32, 0x6000, 0x7000);
  Say(&said, Answer::kEnd, 0, 0, 0, 0);
  const auto answers = ParseAnswers(said);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_TRUE(answers->ended);
  ASSERT_EQ(answers->cases.size(), 2u);
  const CaseAnswers& three = answers->cases.at(3);
  ASSERT_EQ(three.runs.size(), 2u);
  EXPECT_EQ(three.runs[0].code_hash, 0x1234u);
  EXPECT_EQ(three.runs[0].spoilt, kSpoiltStack);
  EXPECT_EQ(three.runs[1].mxcsr, 0x1FA0u);
  EXPECT_THAT(three.data.at(0x5000), ElementsAre(7, 8, 9));
  EXPECT_FALSE(three.fault);
  const Fault fault = *answers->cases.at(4).fault;
  EXPECT_EQ(Describe(fault), "page fault (14) at rip 0x6000, error 0x2, address 0x7000");
}

TEST(Answers, TellTheCpu) {
  std::vector<std::array<uint32_t, 4>> leaves(std::size(kLeaves));
  leaves[1][2] = 1u << 28 | 1u << 12 | 1u << 29;  // AVX, FMA, F16C
  leaves[2] = {1, 1u << 5 | 1u << 8 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 1u << 11, 0};
  std::memcpy(&leaves[4], "  A CPU", 8);
  std::vector<uint8_t> said;
  Say(&said, Answer::kCpu, 0xFFFFFFFF, 0xE7, 16 * leaves.size(), 0, Leaves(leaves));
  auto answers = ParseAnswers(said);
  ASSERT_TRUE(answers.ok() && answers->cpu);
  EXPECT_EQ(answers->cpu->brand, "A CPU");
  EXPECT_EQ(answers->cpu->xcr0, 0xE7u);
  const CpuAnswer& cpu = *answers->cpu;
  EXPECT_TRUE(cpu.avx2 && cpu.f16c && cpu.avx512 && cpu.avx512_vnni);
  EXPECT_FALSE(cpu.avx512_bf16 || cpu.avx512_fp16);
  EXPECT_FALSE(answers->ended);
}

// A machine that is stopped in the middle of a record: what came before counts.
TEST(Answers, MayBreakOffAnywhere) {
  std::vector<uint8_t> whole;
  Say(&whole, Answer::kRan, 1, 5, 0, 0x1F80);
  const size_t first = whole.size();
  Say(&whole, Answer::kData, 1, 0x5000, 4, 0, {1, 2, 3, 4});
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const auto answers = ParseAnswers(std::span(whole).first(bytes));
    ASSERT_TRUE(answers.ok()) << answers.status();
    EXPECT_EQ(answers->cases.size(), bytes >= first ? 1u : 0u);
    if (bytes >= first) {
      EXPECT_TRUE(answers->cases.at(1).data.empty());
    }
    EXPECT_FALSE(answers->ended);
  }
}

TEST(Answers, OtherBytesAreRefused) {
  std::vector<uint8_t> said;
  Say(&said, Answer::kRan, 1, 5, 0, 0x1F80);
  said.insert(said.end(), 64, 'x');
  EXPECT_THAT(std::string(ParseAnswers(said).status().message()),
              HasSubstr("no record at byte 40 of 104"));
  said.clear();
  Say(&said, static_cast<Answer>(6), 1, 0, 0, 0);
  EXPECT_FALSE(ParseAnswers(said).ok());
}

TEST(CountTests, ReadsGoogleTestsLastLines) {
  const Tally tally = CountTests(
      "[==========] 12 tests from 3 test suites ran. (5 ms total)\n"
      "[  PASSED  ] 9 tests.\n"
      "[  SKIPPED ] 1 test, listed below:\n"
      "[  SKIPPED ] Some.Test\n"
      "[  FAILED  ] 2 tests, listed below:\n"
      "[  FAILED  ] Other.Test\n"
      "[  FAILED  ] Third.Test\n");
  EXPECT_EQ(tally.passed, 9);
  EXPECT_EQ(tally.skipped, 1);
  EXPECT_EQ(tally.failed, 2);
  EXPECT_EQ(CountTests("Illegal instruction\n").passed, 0);
}

}  // namespace
}  // namespace jitattn::emulate
