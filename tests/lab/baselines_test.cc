// The baselines give right results, and a contest sees one that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "lab/baselines/baseline.h"
#include "lab/baselines/contest.h"
#include "lab/baselines/every_call.h"
#include "lab/baselines/neighbours.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/operands.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool Never() { return false; }

std::unique_ptr<runtime::Operands> MakeOperands(const ops::Problem& problem) {
  auto operands = runtime::Operands::Create(problem, {}, 42);
  EXPECT_TRUE(operands.ok()) << operands.status();
  return *std::move(operands);
}

std::vector<ops::Problem> Problems() {
  std::vector<ops::Problem> problems;
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    // Tails everywhere, kv ≠ q (a defect of the study), groups, masks, values of another width.
    problems.push_back(ops::AttentionProblem{.dtype = dtype, .q_len = 64, .kv_len = 64});
    problems.push_back(ops::AttentionProblem{.dtype = dtype,
                                             .batch = 2,
                                             .heads = 4,
                                             .kv_heads = 2,
                                             .q_len = 7,
                                             .kv_len = 131,
                                             .head_dim = 19,
                                             .value_dim = 33});
    for (const int64_t kv_len : {37, 41, 20}) {  // 20: the first rows see no key
      problems.push_back(ops::AttentionProblem{.dtype = dtype,
                                               .mask = jit::Mask::kCausal,
                                               .heads = 2,
                                               .kv_heads = 2,
                                               .q_len = 37,
                                               .kv_len = kv_len,
                                               .head_dim = 16,
                                               .value_dim = 16});
    }
    problems.push_back(ops::AttentionProblem{
        .dtype = dtype, .heads = 8, .kv_heads = 1, .q_len = 1, .kv_len = 300});
    problems.push_back(ops::SigmoidMulProblem{.dtype = dtype, .rows = 33, .cols = 47});
    problems.push_back(ops::SigmoidMulProblem{.dtype = dtype, .rows = 1, .cols = 1});
  }
  return problems;
}

TEST(BaselineTest, AllAreRightOnAnyThreads) {
  for (const ops::Problem& problem : Problems()) {
    const auto operands = MakeOperands(problem);
    for (const BaselineInfo& info : Baselines()) {
      for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
        if (isa > HostCpu().isa) continue;
        auto baseline = Baseline::Create(info.name, problem, isa);
        ASSERT_TRUE(baseline.ok()) << baseline.status();
        for (const int threads : {1, 2, 5}) {
          SCOPED_TRACE(ops::Describe(problem) + ", " + std::string(info.name) + ", " +
                       std::string(Name(isa)) + ", threads " + std::to_string(threads));
          operands->Poison();
          const auto done = (*baseline)->Run(operands->Args(0).get(), threads, Never);
          ASSERT_TRUE(done.ok()) << done.status();
          EXPECT_TRUE(*done);
          const ops::Verdict verdict = operands->Check();
          EXPECT_TRUE(verdict.correct || verdict.share <= 4) << verdict.what;
        }
      }
    }
  }
}

TEST(BaselineTest, GivesUpWhenAsked) {
  const ops::Problem problem = ops::AttentionProblem{.q_len = 256, .kv_len = 256};
  const auto operands = MakeOperands(problem);
  for (const BaselineInfo& info : Baselines()) {
    auto baseline = Baseline::Create(info.name, problem, Isa::kPortable);
    ASSERT_TRUE(baseline.ok());
    const auto done = (*baseline)->Run(operands->Args(0).get(), 2, [] { return true; });
    ASSERT_TRUE(done.ok());
    EXPECT_FALSE(*done) << info.name;
  }
}

// Loops of SiLU are no measure for another function, or for two inputs.
TEST(BaselineTest, OtherActivationsAreRefused) {
  for (const BaselineInfo& info : Baselines()) {
    ops::SigmoidMulProblem gelu = {.activation = jit::Activation::kGelu}, two;
    two.gate = jit::Gate::kTwo;
    for (const ops::SigmoidMulProblem& problem : {gelu, two}) {
      const absl::Status status = Baseline::Create(info.name, problem, Isa::kPortable).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << info.name;
    }
  }
}

TEST(BaselineTest, UnknownNamesAreRefused) {
  const auto none = Baseline::Create("magic", ops::AttentionProblem{}, Isa::kPortable);
  EXPECT_THAT(std::string(none.status().message()), Mentions({"magic"}));
}

// ---- Contests, on a clock that is written here
// ----------------------------------------------------

struct ScriptedClock {
  double now = 0;
};

// Takes `seconds` a call at one thread, less at more; writes what it is told to.
class Scripted : public Contender {
 public:
  Scripted(ScriptedClock& clock, const runtime::Operands& operands, double seconds)
      : clock_(clock), operands_(operands), seconds_(seconds) {}

  std::function<void(Scripted&)> work = [](Scripted& s) { s.WriteRight(); };
  std::function<double(int threads, int call)> factor = [](int, int) { return 1.0; };
  std::vector<int> threads_seen;
  int calls_made = 0;

  absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) override {
    threads_seen.push_back(threads);
    const double each = seconds_ * factor(threads, calls_made++);
    if (each > limit_s) {
      clock_.now += limit_s;
      return absl::DeadlineExceededError("given up");
    }
    clock_.now += each * static_cast<double>(calls + (warm ? 1 : 0));
    work(*this);
    return each;
  }
  void WriteRight() {
    auto baseline = Baseline::Create("naive", kProblem, Isa::kPortable);
    (*baseline)->Run(operands_.Args(0).get(), 1, Never).IgnoreError();
  }
  void WriteWrong() {
    WriteRight();
    float* out = reinterpret_cast<float*>(operands_.Bytes(0, 1).data());
    out[17] += 0.001f;
  }

  static const ops::Problem kProblem;

 private:
  ScriptedClock& clock_;
  const runtime::Operands& operands_;
  const double seconds_;
};
const ops::Problem Scripted::kProblem = ops::SigmoidMulProblem{.rows = 8, .cols = 8};

class ContestTest : public testing::Test {
 protected:
  std::vector<Standing> Run(std::vector<ContestEntry> entries) {
    options_.now = [this] { return clock_.now; };
    options_.sleep = [this](double seconds) {
      clock_.now += seconds;
      ++pauses_;
    };
    return RunContest(*operands_, entries, options_);
  }

  ScriptedClock clock_;
  std::unique_ptr<runtime::Operands> operands_ = MakeOperands(Scripted::kProblem);
  ContestOptions options_;
  int pauses_ = 0;
};

TEST_F(ContestTest, AWrongResultHasNoTime) {
  Scripted right(clock_, *operands_, 1e-3), wrong(clock_, *operands_, 1e-6),
      idle(clock_, *operands_, 1e-6), late(clock_, *operands_, 1e-4);
  wrong.work = [](Scripted& s) { s.WriteWrong(); };
  idle.work = [](Scripted&) {};  // what another wrote before must not pass for its own
  late.work = [](Scripted& s) { s.calls_made < 10 ? s.WriteRight() : s.WriteWrong(); };
  const auto standings = Run({{&right}, {&wrong}, {&idle}, {&late}});
  EXPECT_THAT(standings[0].failure, IsEmpty());
  EXPECT_EQ(standings[0].seconds.samples, options_.rounds);
  for (const size_t i : {1, 2, 3}) {
    EXPECT_TRUE(standings[i].wrong) << i;
    EXPECT_NE(standings[i].failure, "") << i;
    EXPECT_EQ(standings[i].seconds.samples, 0) << i;
    EXPECT_THAT(standings[i].samples, IsEmpty()) << i;
  }
  EXPECT_THAT(standings[1].failure, Mentions({"2", "1"}));
}

TEST_F(ContestTest, ToleranceIsOfTheErrorAllowed) {
  Scripted strict(clock_, *operands_, 1e-3), loose(clock_, *operands_, 1e-3);
  strict.work = loose.work = [&](Scripted& s) {
    s.WriteRight();
    float* out = reinterpret_cast<float*>(operands_->Bytes(0, 1).data());
    uint32_t bits;  // five units in the last place
    std::memcpy(&bits, out, 4);
    bits += 5;
    std::memcpy(out, &bits, 4);
  };
  const auto standings = Run({{.contender = &strict}, {.contender = &loose, .tolerance = 4}});
  EXPECT_TRUE(standings[0].wrong);
  EXPECT_THAT(standings[1].failure, IsEmpty());
}

TEST_F(ContestTest, EachIsMeasuredAtItsBestNumberOfThreads) {
  Scripted two(clock_, *operands_, 1e-3), four(clock_, *operands_, 1e-3);
  two.factor = [](int threads, int) { return threads == 2 ? 0.5 : 1.0; };
  four.factor = [](int threads, int) { return 1.0 / threads; };
  const auto standings = Run({{&two, ThreadCounts(4)}, {&four, ThreadCounts(4)}});
  EXPECT_EQ(standings[0].threads, 2);
  EXPECT_EQ(standings[1].threads, 4);
  EXPECT_DOUBLE_EQ(standings[0].seconds.min, 0.5e-3);
  EXPECT_DOUBLE_EQ(standings[1].seconds.max, 0.25e-3);
  EXPECT_THAT(ThreadCounts(6), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(ThreadCounts(1), ElementsAre(1));
}

TEST_F(ContestTest, SlowOnesHaveFewerSamplesAndTooSlowOnesNone) {
  options_.seconds = 3;  // a second each
  Scripted fast(clock_, *operands_, 1e-4), slow(clock_, *operands_, 0.3),
      hopeless(clock_, *operands_, 100);
  const auto standings =
      Run({{&fast, {1, 2}}, {&slow, ThreadCounts(4)}, {&hopeless, ThreadCounts(4)}});
  EXPECT_EQ(standings[0].seconds.samples, options_.rounds);
  EXPECT_THAT(standings[0].note, IsEmpty());
  EXPECT_GE(standings[1].seconds.samples, 1);
  EXPECT_LT(standings[1].seconds.samples, 5);
  EXPECT_THAT(standings[1].note, Mentions({"1", "3"}));
  EXPECT_THAT(standings[1].note, Mentions({"15"}));
  EXPECT_THAT(standings[2].failure, Mentions({"2"}));
  EXPECT_FALSE(standings[2].wrong);
  EXPECT_LT(clock_.now, 6);
}

TEST_F(ContestTest, PoolsComeToRestBetweenSamples) {
  Scripted a(clock_, *operands_, 1e-3), b(clock_, *operands_, 1e-3);
  Run({{.contender = &a, .pool = 0}, {.contender = &b, .pool = 0}});
  EXPECT_EQ(pauses_, 0);
  Run({{.contender = &a, .pool = 0}, {.contender = &b, .pool = 1}});
  EXPECT_GE(pauses_, options_.rounds);
}

TEST_F(ContestTest, CtrlCEndsItWithWhatIsThere) {
  std::atomic<bool> stop = false;
  options_.stop = &stop;
  Scripted a(clock_, *operands_, 1e-3);
  a.work = [&](Scripted& s) {
    s.WriteRight();
    stop = s.calls_made > 8;
  };
  const auto standings = Run({{&a}});
  EXPECT_GE(standings[0].seconds.samples, 1);
  EXPECT_LT(standings[0].seconds.samples, options_.rounds);
}

TEST(Neighbours, AreThereWhileTheyAreWantedAndGoneAfterwards) {
  const auto children = [] {
    std::ifstream file(absl::StrCat("/proc/self/task/", getpid(), "/children"));
    return std::distance(std::istream_iterator<int>(file), std::istream_iterator<int>());
  };
  const auto before = children();
  {
    Neighbours neighbours;
    ASSERT_TRUE(neighbours.Start(3).ok());
    EXPECT_EQ(children(), before + 3);
  }
  EXPECT_EQ(children(), before);
}

// A contender whose calls take what is written here.
class ScriptedCalls final : public Contender {
 public:
  explicit ScriptedCalls(std::vector<double> seconds) : seconds_(std::move(seconds)) {}
  absl::StatusOr<double> Time(int, int64_t, bool, double) override {
    if (seconds_.empty()) return absl::UnavailableError("it is gone");
    return seconds_[calls++ % seconds_.size()];
  }
  size_t calls = 0;

 private:
  const std::vector<double> seconds_;
};

TEST(TimeEveryCall, KeepsEveryCallOfThoseThatAnswer) {
  std::vector<double> seconds(100, 1e-3);
  seconds[7] = 0.5;  // one in a hundred
  ScriptedCalls steady(seconds), gone({});
  const EveryCallEntry entries[] = {{&steady, 1, 0}, {&gone, 1, 0}};
  const std::vector<EveryCallTimes> times =
      TimeEveryCall(entries, {.seconds = 0.01, .block_s = 0.1, .pause_s = 0});
  EXPECT_EQ(times[0].failure, "");
  EXPECT_EQ(times[0].seconds.size() + 4, steady.calls);  // 4 warmed up
  EXPECT_GE(times[0].seconds.size(), 400u);
  EXPECT_DOUBLE_EQ(times[0].median(), 1e-3);
  EXPECT_GT(*std::max_element(times[0].seconds.begin(), times[0].seconds.end()), 0.4);
  EXPECT_THAT(times[1].seconds, IsEmpty());
  EXPECT_EQ(times[1].failure, "it is gone");
}

}  // namespace
}  // namespace jitattn::lab
