// The file of problems without a record: what is written is read, and nothing else is believed.

#include "cache/misses.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "cache/record.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ops::Conditions kConditions = {
    .threads = 3, .isa = Isa::kAvx2, .buffers = ops::Buffers::kCold};

std::vector<ops::Problem> AllProblems() {
  using jit::Bias;
  using jit::Mask;
  std::vector<ops::Problem> problems;
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    ops::AttentionProblem p = {.dtype = dtype,
                               .batch = 2,
                               .heads = 6,
                               .kv_heads = 3,
                               .q_len = 5,
                               .kv_len = 100,
                               .head_dim = 40,
                               .value_dim = 24};
    problems.push_back(p);
    p.mask = Mask::kCausal;
    problems.push_back(p);
    p.chunk = 100;
    problems.push_back(p);
    p.chunk = 0, p.mask = Mask::kWindow;
    for (const int64_t left : {int64_t{0}, int64_t{7}, jit::Band::kFar}) {
      for (const int64_t right : {int64_t{0}, int64_t{9}, jit::Band::kFar}) {
        p.window_left = left, p.window_right = right;
        problems.push_back(p);
      }
    }
    p.softcap = p.alibi = p.sinks = p.lse = true;
    for (const Bias bias : {Bias::kF32, Bias::kOwn, Bias::kSeen}) {
      p.bias = bias == Bias::kOwn && dtype == DType::kF32 ? Bias::kF32 : bias;
      problems.push_back(p);
    }
    ops::SigmoidMulProblem silu = {.dtype = dtype, .rows = 3, .cols = 70};
    problems.push_back(silu);
    silu.activation = jit::Activation::kGeluTanh, silu.gate = jit::Gate::kPairs;
    silu.clamped = true;
    problems.push_back(silu);
  }
  return problems;
}

std::string Why(std::string_view line) {
  const auto miss = ParseMiss(line);
  return miss.ok() ? "" : std::string(miss.status().message());
}

TEST(MissesTest, ALineGivesTheProblemOfItsRecord) {
  for (const ops::Problem& problem : AllProblems()) {
    const std::string line = MissLine(problem, kConditions);
    SCOPED_TRACE(line);
    const auto miss = ParseMiss(line);
    ASSERT_TRUE(miss.ok()) << miss.status();
    EXPECT_EQ(MakeKey(miss->problem, kConditions).ToString(),
              MakeKey(problem, kConditions).ToString());
    EXPECT_EQ(miss->conditions.threads, 3);
    EXPECT_EQ(miss->conditions.buffers, ops::Buffers::kCold);
    EXPECT_EQ(miss->isa, Isa::kAvx2);
    EXPECT_EQ(MissLine(miss->problem, kConditions), line);
  }
}

TEST(MissesTest, LinesAreForPeople) {
  EXPECT_EQ(MissLine(Attention(50, 1000), kConditions),
            "--op attention --dtype f32 --batch 1 --heads 1 --kv-heads 1 --seq 64 --kv-seq 1024 "
            "--head-dim 64 --value-dim 64 --threads 3 --isa avx2 --buffers cold");
}

// Nothing to tune, nothing to write.
TEST(MissesTest, ProblemsWithoutWorkHaveNoLine) {
  EXPECT_EQ(MissLine(Attention(4, 0), kConditions), "");
  EXPECT_EQ(MissLine(Attention(0, 4), kConditions), "");
}

TEST(MissesTest, APersonMayWriteLess) {
  const auto miss = ParseMiss("  --seq 16\t--op attention --head-dim 8 --causal\r");
  ASSERT_TRUE(miss.ok()) << miss.status();
  EXPECT_EQ(miss->conditions.threads, 0);
  EXPECT_FALSE(miss->isa.has_value());
  EXPECT_EQ(ops::Describe(miss->problem), "attention f32 1×1 head, 16×16, head size 8, causal");
}

TEST(MissesTest, SaysWhatIsWrong) {
  EXPECT_THAT(Why(""), HasSubstr("--op"));
  EXPECT_THAT(Why("--seq 4"), HasSubstr("--op is missing"));
  EXPECT_THAT(Why("--op"), Mentions({"--op", "missing"}));
  EXPECT_THAT(Why("--op atention --dim 4"), Mentions({"--op", "atention"}));
  EXPECT_THAT(Why("--op attention --dim 4 --sofcap"), HasSubstr("'--sofcap'"));
  EXPECT_THAT(Why("--op attention --dim 4 --rows 3"), Mentions({"'--rows'", "attention"}));
  EXPECT_THAT(Why("--op attention --dim 4 x"), HasSubstr("'x'"));
  EXPECT_THAT(Why("--op attention --dim 4 --seq"), Mentions({"--seq", "missing"}));
  EXPECT_THAT(Why("--op attention --dim 4 --seq --causal"), Mentions({"--seq", "missing"}));
  EXPECT_THAT(Why("--op attention --dim 4 --seq 0"), Mentions({"--seq", "'0'", "1"}));
  EXPECT_THAT(Why("--op attention --dim 4 --seq 99999999999999999999"), HasSubstr("--seq"));
  EXPECT_THAT(Why("--op attention --dim 4 --seq 4000000000000000000"), HasSubstr("q"));
  EXPECT_THAT(Why("--op attention --dim 4 --seq 3 --seq 3"), Mentions({"'--seq'", "twice"}));
  EXPECT_THAT(Why("--op attention --dim 4 --bias f23"), Mentions({"--bias", "f23", "bool"}));
  EXPECT_THAT(Why("--op attention --dim 4 --dtype f23"), Mentions({"--dtype", "f23"}));
  EXPECT_THAT(Why("--op attention --dim 4 --threads 0"), Mentions({"--threads", "0", "4096"}));
  EXPECT_THAT(Why("--op attention --dim 4 --isa sse"), Mentions({"--isa", "sse"}));
  EXPECT_THAT(Why("--op attention --dim 4 --buffers warm"), Mentions({"--buffers", "warm"}));
  EXPECT_THAT(Why("--op attention --dim 4 --layout rows"), Mentions({"--layout", "rows"}));
  EXPECT_THAT(Why("--op attention --dim 4 --chunk 3"), HasSubstr("causal"));
  EXPECT_THAT(Why("--op attention --head-dim 4"), HasSubstr("--seq"));
  EXPECT_THAT(Why(std::string(5000, 'x')), Mentions({"5000"}));
}

TEST(MissesTest, AFileHasCommentsAndEachLineCountsOnce) {
  const std::string line = MissLine(Attention(8, 8), kConditions);
  const Misses misses =
      ParseMisses(absl::StrCat("# misses\n\n", line, "\n", line, "\nbad\n  # x\nbad\n", line,
                               " x\n", MissLine(Attention(8, 16), kConditions)));
  ASSERT_THAT(misses.lines, SizeIs(2));
  EXPECT_EQ(misses.lines[0].number, 3);
  EXPECT_EQ(misses.lines[1].number, 9);
  ASSERT_THAT(misses.bad, SizeIs(2));
  EXPECT_EQ(misses.bad[0].number, 5);
  EXPECT_EQ(misses.bad[1].number, 8);
}

TEST(MissesTest, DamagedLinesAreRefusedOrDescribeAProblem) {
  const uint32_t seed = 20261130;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::vector<ops::Problem> problems = AllProblems();
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string line = MissLine(problems[random() % problems.size()], kConditions);
    for (uint32_t flips = 1 + random() % 3; flips > 0; --flips) {
      const char byte = random() % 2 ? "0123456789- "[random() % 12] : static_cast<char>(random());
      line[random() % line.size()] = byte;
    }
    const auto miss = ParseMiss(line);
    if (!miss.ok()) continue;
    ++accepted;
    ASSERT_TRUE(ops::Validate(miss->problem).ok()) << line;
  }
  EXPECT_GT(accepted, 100);
}

class AppendMissTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "misses.txt";
};

TEST_F(AppendMissTest, ALineIsInTheFileOnce) {
  ASSERT_TRUE(AppendMiss(path_, "one").ok());
  ASSERT_TRUE(AppendMiss(path_, "on").ok());  // a part of a line is another line
  ASSERT_TRUE(AppendMiss(path_, "one").ok());
  ASSERT_TRUE(AppendMiss(path_, "two").ok());
  EXPECT_EQ(ReadText(path_), "one\non\ntwo\n");
}

TEST_F(AppendMissTest, AnUnfinishedLineStaysALineOfItsOwn) {
  WriteText(path_, "one\ntw");
  ASSERT_TRUE(AppendMiss(path_, "two").ok());
  EXPECT_EQ(ReadText(path_), "one\ntw\ntwo\n");
}

TEST_F(AppendMissTest, TheFileIsBounded) {
  WriteText(path_, absl::StrCat(std::string(kMaxMissBytes - 4, 'x'), "\n"));
  EXPECT_THAT(std::string(AppendMiss(path_, "two").message()), Mentions({path_, "full"}));
  EXPECT_TRUE(AppendMiss(path_, "23").ok());
  EXPECT_EQ(ReadText(path_).size(), static_cast<size_t>(kMaxMissBytes));
  EXPECT_TRUE(AppendMiss(path_, "23").ok());  // it is there
}

TEST_F(AppendMissTest, WhatIsNoFileIsRefused) {
  mkfifo(path_.c_str(), 0600);
  EXPECT_THAT(std::string(AppendMiss(path_, "one").message()), Mentions({path_, "regular"}));
  EXPECT_THAT(std::string(AppendMiss("/dev/full", "one").message()), HasSubstr("regular"));
  EXPECT_FALSE(AppendMiss(folder_.path(), "one").ok());
  EXPECT_FALSE(AppendMiss(path_ + "/below", "one").ok());
  EXPECT_FALSE(AppendMiss("", "one").ok());
}

TEST_F(AppendMissTest, ProcessesDoNotRepeatEachOther) {
  constexpr int kProcesses = 4, kLines = 25;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool ok = true;
      for (int i = 0; i < kLines; ++i) {
        ok &= AppendMiss(path_, absl::StrCat("line ", (i + process * 7) % kLines)).ok();
      }
      _exit(ok ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const std::string text = ReadText(path_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kLines) << text;
  for (int i = 0; i < kLines; ++i) EXPECT_THAT(text, HasSubstr(absl::StrCat("line ", i, "\n")));
}

}  // namespace
}  // namespace jitattn::cache
