// The study's 32 points and its preset, on scripted costs.

#include "lab/measuring/study.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "lab/replay/study_space.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "tests/jit/described_cpus.h"
#include "tests/runtime/scripted_measurer.h"

namespace jitattn::lab {
namespace {

constexpr int kPoints = 32;

ops::AttentionProblem Square(int64_t n) {
  return {.q_len = n, .kv_len = n, .head_dim = n, .value_dim = n};
}

// Two threads and a block of 32 are best; float64 takes twice as long.
struct Script {
  runtime::ScriptedMeasurer f32, f64;
  runtime::Measurer* const measurers[2] = {&f32, &f64};

  Script() {
    auto cost = [](const ops::Config& config) {
      const auto& c = config.As<jit::TilesConfig>();
      return 1e-3 * (1 + std::abs(c.threads - 2) + std::abs(c.kv_block - 128) / 64.0);
    };
    f32.cost = cost;
    f64.cost = [cost](const ops::Config& config) { return 2 * cost(config); };
  }
  size_t evaluations() const { return f32.evaluated.size() + f64.evaluated.size(); }
};

std::vector<StudyTrial> RunScript(const StudyOptions& options, Script* script) {
  const auto trials =
      RunStudy(Square(256), runtime::TestCpu(), options, script->measurers, nullptr);
  EXPECT_TRUE(trials.ok()) << trials.status();
  return *trials;
}

TEST(StudyTest, AllPointsAreValidAndDifferent) {
  ASSERT_EQ(StudySpace().size(), kPoints);
  for (const jit::testing::DescribedCpu& described : jit::testing::DescribedCpus()) {
    const Cpu& cpu = described.cpu;
    if (cpu.isa == Isa::kPortable) continue;
    for (const int64_t n : {64, 400, 1024}) {
      std::set<std::string> kernels;
      for (int rank = 0; rank < kPoints; ++rank) {
        const StudyPoint point = StudyPointAt(rank, Square(n), cpu);
        const ops::Problem& problem = point.problem;
        EXPECT_TRUE(ops::Validate(point.config, problem, cpu).ok())
            << ops::ToString(point.config) << ": " << ops::Validate(point.config, problem, cpu);
        kernels.insert(ops::KernelName(problem, point.config) + ops::ToString(point.config));
      }
      EXPECT_EQ(kernels.size(), static_cast<size_t>(kPoints)) << described.name << " " << n;
    }
  }
}

TEST(StudyTest, ThePresetTakesEighteenEvaluationsAtMost) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Script script;
    const auto trials = RunScript({.seed = seed}, &script);
    EXPECT_LE(trials.size(), static_cast<size_t>(kStudyEvaluations)) << "seed " << seed;
    EXPECT_EQ(script.evaluations(), trials.size()) << "seed " << seed;
    std::set<int> ranks;
    for (const StudyTrial& trial : trials) ranks.insert(trial.rank);
    EXPECT_EQ(ranks.size(), trials.size()) << "seed " << seed;
  }
}

TEST(StudyTest, ExhaustiveFindsTheBestOfEachType) {
  Script script;
  const auto trials = RunScript({.strategy = "exhaustive", .evaluations = kPoints}, &script);
  ASSERT_EQ(trials.size(), static_cast<size_t>(kPoints));
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const StudyTrial* best = BestOf(trials, dtype, kStudyThreads);
    ASSERT_NE(best, nullptr);
    EXPECT_EQ(best->point.problem.dtype(), dtype);
    EXPECT_EQ(best->point.threads, 2);
    EXPECT_EQ(best->point.block, 32);
    EXPECT_EQ(BestOf(trials, dtype, 1)->point.threads, 1);
  }
}

TEST(StudyTest, SameSeedSameTrials) {
  Script one, other;
  const auto a = RunScript({.seed = 7}, &one), b = RunScript({.seed = 7}, &other);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].rank, b[i].rank);
}

TEST(StudyTest, UnknownStrategyIsRefused) {
  Script script;
  const auto trials =
      RunStudy(Square(64), runtime::TestCpu(), {.strategy = "magic"}, script.measurers, nullptr);
  EXPECT_TRUE(absl::IsInvalidArgument(trials.status())) << trials.status();
}

}  // namespace
}  // namespace jitattn::lab
