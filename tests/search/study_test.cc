// The defects of the study's searches, each with the test that would have caught it:
//   1 tunables that the kernel ignored            Law 3: jit/attention_code_test, sigmoid_mul_test;
//                                                 lab/study_test: AllPointsAreValidAndDifferent
//   2 the bandit's sign, scale, initialisation    here: Bandit…; a model never fitted:
//                                                 EveryModelLearnsWithin18Of32
//   3 repeats not memoised, the wrong best kept   here: GeneticPreset…, GeneticKeeps…
//   4 generators without a seed                   here: SameSeedSameAnswerOtherSeedOtherPath;
//                                                 runtime/tuner_test: SameSeedSameWay
//   5 softmax wrong where kv length ≠ q length    jit/attention_test; for the baselines
//                                                 lab/baselines_test: AllAreRightOnAnyThreads
//   6 shifted columns, an outlier's speed-up      cli/tune_csv_test: TheDocumentHasTheColumns;
//                                                 lab/compare_command_test: UnstableRowsAreMarked
//   7 flags of the README that did not exist      cli/documented_flags_test

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/rng.h"
#include "lab/replay/study_space.h"
#include "tests/search/synthetic.h"

namespace jitattn::search {
namespace {

// The study's space with a cost for each point: threads and blocks help up to a point, f64 takes
// about twice as long.
SyntheticSpace Study(double unit = 1e-3) {
  SyntheticSpace study{lab::StudySpace(), {}, std::numeric_limits<double>::infinity(), {}};
  for (int rank = 0; rank < study.space.size(); ++rank) {
    const std::span<const int> x = study.space.Row(rank);
    const double log_cost =
        0.3 * std::abs(x[0] - 2) + 0.2 * std::abs(x[1] - 1) + 0.7 * x[2] + 0.1 * x[0] * x[1];
    study.cost.push_back(unit * std::exp(log_cost));
    study.optimum = std::min(study.optimum, study.cost.back());
  }
  study.sorted = study.cost;
  std::sort(study.sorted.begin(), study.sorted.end());
  return study;
}

// With its sign reversed, a bandit goes where it was slow.
TEST(StudyTest, BanditPrefersLowCost) {
  const SyntheticSpace study = Study();
  int fast = 0, slow = 0;
  for (int seed = 0; seed < 40; ++seed) {
    const Found run = Search(study, "bandit", 16, seed);
    // Of the second half of the evaluations, those in the better and worse half of the space.
    for (size_t i = 8; i < run.asked.size(); ++i) {
      (study.cost[run.asked[i]] < study.sorted[16] ? fast : slow)++;
    }
  }
  EXPECT_GT(fast, 2 * slow);
}

// Unscaled rewards of a millisecond drown in an exploration term of about 1, and those of an hour
// drown it.
TEST(StudyTest, BanditRewardsAreScaled) {
  for (int seed = 0; seed < 10; ++seed) {
    const std::vector<int> asked = Search(Study(0x1p-20), "bandit", 18, seed).asked;
    EXPECT_EQ(Search(Study(0x1p10), "bandit", 18, seed).asked, asked) << "seed " << seed;
  }
}

// With one arm a point, 30 trials of 32 arms are all initialisation: the order of asking cannot
// depend on the answers. Here it must, and early.
TEST(StudyTest, BanditLeavesInitialisation) {
  const SyntheticSpace study = Study();
  SyntheticSpace reversed = study;
  for (double& cost : reversed.cost) cost = 1e-6 / cost;
  for (int seed = 0; seed < 10; ++seed) {
    std::vector<int> a = Search(study, "bandit", 12, seed).asked;
    std::vector<int> b = Search(reversed, "bandit", 12, seed).asked;
    EXPECT_NE(a, b) << "seed " << seed;
  }
}

TEST(StudyTest, EveryModelLearnsWithin18Of32) {
  const SyntheticSpace study = Study();
  for (const std::string_view name : {"bayes", "bandit", "genetic", "genetic-study"}) {
    int found = 0;
    for (int seed = 0; seed < 200; ++seed) {
      found += Search(study, name, 18, seed).best == study.optimum ? 1 : 0;
    }
    // Chance finds the best of 32 points with 18 draws in 112.5 ± 7 of 200 runs.
    EXPECT_GT(found, 112.5 + 3 * 7) << name;
  }
}

// The study's own budget: 6 + 3 × 4, and never a point twice.
TEST(StudyTest, GeneticPresetTakesAtMost18Evaluations) {
  const SyntheticSpace study = Study();
  size_t most = 0;
  for (int seed = 0; seed < 100; ++seed) {
    const Found run = Search(study, "genetic-study", 100, seed);
    EXPECT_LE(run.asked.size(), 18) << "seed " << seed;
    EXPECT_GE(run.asked.size(), 6) << "seed " << seed;
    most = std::max(most, run.asked.size());
    EXPECT_EQ(std::set<int>(run.asked.begin(), run.asked.end()).size(), run.asked.size());
  }
  EXPECT_GT(most, 12) << "its generations must really breed";
}

// Children come from the fastest, not the slowest: over many runs the last generation's mean cost
// lies well below the first's.
TEST(StudyTest, GeneticKeepsTheRightIndividuals) {
  const SyntheticSpace study = Study();
  for (const std::string_view name : {"genetic", "genetic-study"}) {
    double first = 0, last = 0;
    int firsts = 0, lasts = 0;
    for (int seed = 0; seed < 60; ++seed) {
      const Found run = Search(study, name, 18, seed);
      for (size_t i = 0; i < run.asked.size(); ++i) {
        const double log_cost = std::log(study.cost[run.asked[i]]);
        if (i < 6) {
          first += log_cost;
          ++firsts;
        } else if (i >= 10) {
          last += log_cost;
          ++lasts;
        }
      }
    }
    EXPECT_LT(last / lasts, first / firsts - 0.15) << name;
  }
}

TEST(StudyTest, SameSeedSameAnswerOtherSeedOtherPath) {
  const SyntheticSpace study = Study();
  for (const StrategyInfo& info : Strategies()) {
    std::set<std::vector<int>> paths;
    for (int seed = 0; seed < 5; ++seed) {
      const Found run = Search(study, info.name, 18, seed);
      EXPECT_EQ(run.asked, Search(study, info.name, 18, seed).asked) << info.name;
      paths.insert(run.asked);
    }
    EXPECT_GE(paths.size(), info.name == "exhaustive" ? 1 : 4) << info.name;
  }
}

}  // namespace
}  // namespace jitattn::search
