// The tuner's promises, with a scripted measurer: no clock decides here.

#include "runtime/tuner.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime_testing.h"
#include "scripted_measurer.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using jit::SigmoidMulConfig;
using ops::Config;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;

Config Default() { return ops::DefaultConfig(kProblem, TestCpu(), 2); }

class Tuner : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "tunerXXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    root_ = path;
    layers_.emplace(TestCpu(), std::vector<std::string>{root_ + "/cache"});
    options_.strategy = "random";
    options_.evaluations = 40;
    options_.conditions.threads = 2;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  TuneReport Run() {
    auto report = Tune(kProblem, TestCpu(), options_, measurer_, &*layers_, nullptr);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : TuneReport{};
  }
  std::string FileText(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string root_;
  std::optional<cache::Layers> layers_;
  TuneOptions options_;
  ScriptedMeasurer measurer_;
};

TEST_F(Tuner, FindsASimpleOptimumAndSavesIt) {
  measurer_.cost = [](const Config& c) { return Silu(c).unroll == 2 ? 0.8e-3 : 1e-3; };
  const TuneReport report = Run();
  EXPECT_EQ(Silu(report.record.config).unroll, 2) << report.decision;
  EXPECT_NEAR(report.record.result.gain, 1.25, 0.01);
  EXPECT_LE(report.record.result.gain_low, 1.25);
  EXPECT_GE(report.record.result.gain_high, 1.25);
  EXPECT_TRUE(report.record.result.complete);
  EXPECT_EQ(report.record.result.default_config, Default());
  EXPECT_EQ(report.record.result.evaluations, 40);
  EXPECT_EQ(report.not_saved, "");
  const cache::Lookup found = layers_->Find(report.record.key);
  ASSERT_EQ(found.match, cache::Match::kExact);
  EXPECT_EQ(found.found->record.config, report.record.config);
  EXPECT_EQ(found.found->path, report.path);
}

TEST_F(Tuner, TheDefaultIsLookedAtFirstAndRacesAlways) {
  measurer_.cost = [](const Config& c) { return Silu(c).vecs == 6 ? 0.5e-3 : 1e-3; };
  const TuneReport report = Run();
  EXPECT_EQ(measurer_.evaluated.front(), Default());
  ASSERT_GE(measurer_.races.size(), 2u);  // one chooses, one decides
  EXPECT_THAT(measurer_.races, Each(Contains(Default())));
  for (size_t race = 1; race < measurer_.races.size(); ++race) {
    EXPECT_THAT(measurer_.races[race], ElementsAre(Default(), report.record.config));
  }
  EXPECT_EQ(report.finalists.front().config, Default());
  EXPECT_EQ(Silu(report.record.config).vecs, 6);
}

// 0: refused, before anything was measured or saved.
int TuneWithoutExecutableMemory(const TuneOptions& options, ScriptedMeasurer& measurer,
                                const cache::Layers& layers) {
  if (!DenyExecutableMemory()) return 0;  // cannot be tried here
  const auto report = Tune(kProblem, TestCpu(), options, measurer, &layers, nullptr);
  if (report.status().code() != absl::StatusCode::kFailedPrecondition) return 1;
  if (!measurer.evaluated.empty()) return 2;
  return layers.stores().front().List(true, nullptr).empty() ? 0 : 3;
}

// Every configuration would run the portable path: nothing could be compared. In a process of its
// own: the answer of the system is asked for once.
TEST_F(Tuner, WithoutExecutableMemoryNothingIsTunedOrSaved) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(_exit(TuneWithoutExecutableMemory(options_, measurer_, *layers_)),
              testing::ExitedWithCode(0), "");
  Cpu portable = TestCpu();
  portable.isa = Isa::kPortable;
  EXPECT_TRUE(CheckTunable(portable).ok());
}

// Law 2.
TEST_F(Tuner, FastAndWrongNeverWins) {
  measurer_.cost = [](const Config& c) { return c == Default() ? 1e-3 : 1e-5; };
  measurer_.wrong = [](const Config& c) {
    return c == Default() ? "" : "wrong result: row 0, column 0: 1, should be 2";
  };
  const TuneReport report = Run();
  EXPECT_EQ(report.record.config, Default());
  EXPECT_EQ(report.best_found, Default());
  for (const Evaluation& finalist : report.finalists) EXPECT_EQ(finalist.error, "");
  EXPECT_EQ(report.record.result.evaluations, 40);  // they were looked at, and count
}

TEST_F(Tuner, WhatDoesNotCompileNeverWins) {
  measurer_.cost = [](const Config& c) { return Silu(c).vecs > 4 ? 1e-5 : 1e-3; };
  measurer_.broken = [](const Config& c) { return Silu(c).vecs > 4 ? "no registers" : ""; };
  EXPECT_LE(Silu(Run().record.config).vecs, 4);
}

TEST_F(Tuner, NothingRightAtAllIsAnErrorThatSaysWhy) {
  measurer_.wrong = [](const Config&) { return "wrong result: everywhere"; };
  const auto report = Tune(kProblem, TestCpu(), options_, measurer_, &*layers_, nullptr);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(report.status().message()),
              Mentions({"40", "sigmoid-mul", "wrong result: everywhere"}));
  EXPECT_FALSE(std::filesystem::exists(root_ + "/cache"));
}

TEST_F(Tuner, AWrongDefaultIsReplacedByWhatIsRight) {
  measurer_.wrong = [](const Config& c) { return c == Default() ? "wrong result: x" : ""; };
  const TuneReport report = Run();
  EXPECT_NE(report.record.config, Default());
  EXPECT_THAT(report.decision, Mentions({"wrong result: x"}));
}

// Law 4.
TEST_F(Tuner, NoiseTies) {
  for (int seed = 1; seed <= 10; ++seed) {
    measurer_ = ScriptedMeasurer(seed);
    measurer_.noise = 0.02;
    options_.seed = seed;
    const TuneReport report = Run();
    EXPECT_EQ(report.record.config, Default()) << "seed " << seed << ": " << report.decision;
    EXPECT_EQ(report.record.result.gain, 1);
  }
}

// Everything but the default is fast at first evaluation and in the first round.
TEST_F(Tuner, WhatIsFasterInOnePlaceOnlyLoses) {
  for (int seed = 1; seed <= 5; ++seed) {
    measurer_ = ScriptedMeasurer(seed);
    measurer_.placement = [](const Config& c, int place) {
      return c != Default() && place <= 1 ? 0.9 : 1.0;
    };
    const TuneReport report = Run();
    EXPECT_NE(report.best_found, Default());
    EXPECT_EQ(report.record.config, Default()) << "seed " << seed << ": " << report.decision;
    std::filesystem::remove_all(root_ + "/cache");
  }
}

// Every place slows every configuration by something of its own.
TEST_F(Tuner, ASteadyGainWinsInAnyPlacesAndAHalfPerCentDoesNot) {
  for (const double gain : {0.98, 0.995}) {
    for (int seed = 1; seed <= 5; ++seed) {
      measurer_ = ScriptedMeasurer(seed);
      measurer_.cost = [gain](const Config& c) { return Silu(c).vecs == 6 ? gain * 1e-3 : 1e-3; };
      measurer_.placement = [](const Config& c, int place) {
        Rng rng(static_cast<uint64_t>(place) * 1000003 + Silu(c).vecs);
        return 1 + 0.005 * std::abs(rng.Normal());
      };
      const TuneReport report = Run();
      EXPECT_EQ(Silu(report.record.config).vecs == 6, gain < 0.99)
          << gain << ", seed " << seed << ": " << report.decision;
      EXPECT_EQ(report.record.config == Default(), gain > 0.99);
      std::filesystem::remove_all(root_ + "/cache");
    }
  }
}

// A machine without noise: the second race uses no times of the first, whichever challenger wins
// it.
TEST_F(Tuner, WhatChoseAChallengerDoesNotSpeakForIt) {
  measurer_.noise = 0;
  measurer_.placement = [this](const Config& c, int) {
    return c != Default() && measurer_.races.size() <= 1 ? 0.8 : 1.0;
  };
  const TuneReport report = Run();
  EXPECT_EQ(measurer_.races.size(), 2u);  // a quarter shows that it is not ahead
  EXPECT_EQ(report.record.config, Default()) << report.decision;
}

// The default is the fastest, but something slows it for three seconds.
TEST_F(Tuner, WhatIsFasterOnlyForAWhileLoses) {
  measurer_.placement = [this](const Config& c, int) {
    return c == Default() ? (measurer_.now < 1003.5 ? 1.05 : 1.0) : 1.01;
  };
  const TuneReport report = Run();
  EXPECT_GT(measurer_.races.size(), 2u);
  EXPECT_EQ(report.record.config, Default()) << report.decision;
}

TEST_F(Tuner, TheRecordIsAFinalistAndStaysWhenItIsBetter) {
  SigmoidMulConfig best = Silu(Default());
  best.vecs = 5, best.unroll = 4, best.prefetch = 16;
  measurer_.cost = [&](const Config& c) { return c == Config(best) ? 0.7e-3 : 1e-3; };
  options_.strategy = "exhaustive";
  options_.evaluations = 3000;
  ASSERT_EQ(Run().record.config, Config(best));

  // This search finds only what is a little worse than the record.
  measurer_ = ScriptedMeasurer(2);
  measurer_.cost = [&](const Config& c) {
    return c == Config(best) ? 0.7e-3 : Silu(c).vecs == 3 ? 0.75e-3 : 1e-3;
  };
  options_.strategy = "random";
  options_.evaluations = 30;
  const TuneReport report = Run();
  EXPECT_THAT(measurer_.races.at(0), testing::Contains(Config(best)));
  EXPECT_EQ(report.record.config, Config(best)) << report.decision;
  EXPECT_EQ(layers_->Find(report.record.key).found->record.config, Config(best));

  // And it goes when it has become worse than the default.
  measurer_ = ScriptedMeasurer(3);
  measurer_.cost = [&](const Config& c) { return c == Config(best) ? 1.3e-3 : 1e-3; };
  EXPECT_EQ(Run().record.config, Default());
  EXPECT_EQ(layers_->Find(report.record.key).found->record.config, Default());
}

TEST_F(Tuner, TheBudgetIsStrict) {
  for (const std::string strategy : {"random", "genetic", "bandit", "bayes"}) {
    for (const int budget : {1, 2, 5, 18}) {
      measurer_ = ScriptedMeasurer(1);
      options_.strategy = strategy;
      options_.evaluations = budget;
      const TuneReport report = Run();
      std::set<std::string> distinct;
      for (const Config& config : measurer_.evaluated) distinct.insert(ops::ToString(config));
      EXPECT_LE(static_cast<int>(distinct.size()), budget) << strategy;
      EXPECT_EQ(report.record.result.evaluations, static_cast<int>(distinct.size()));
      std::filesystem::remove_all(root_ + "/cache");
    }
  }
}

// The strategy counts too, but it never hears of a record that lies off the ladders.
TEST_F(Tuner, ARecordOffTheLaddersCountsAndStandsIfItWasNotLookedAt) {
  options_.conditions.threads = 8;
  cache::Record record = Run().record;
  // The ladder is 1, 2, 4, 8, and what the default takes.
  record.config.set_threads(record.config.threads() == 5 ? 6 : 5);
  for (const int budget : {1, 2, 6}) {
    ASSERT_TRUE(layers_->Put(record).ok());
    measurer_ = ScriptedMeasurer(1);
    options_.evaluations = budget;
    const TuneReport report = Run();
    EXPECT_EQ(static_cast<int>(measurer_.evaluated.size()), budget);
    EXPECT_EQ(report.path.empty(), budget == 1);
    EXPECT_EQ(report.not_saved.empty(), budget > 1) << report.not_saved;
    const Config stored = layers_->Find(record.key).found->record.config;
    EXPECT_EQ(stored, budget == 1 ? record.config : report.record.config);
  }
}

TEST_F(Tuner, SecondsCoverEverything) {
  options_.evaluations = 1000;
  options_.seconds = 10;
  measurer_.evaluation_s = 0.9;
  const double start = measurer_.now;
  const TuneReport report = Run();
  EXPECT_LE(measurer_.now, start + 10);
  EXPECT_LT(measurer_.last_deadline, start + 10);  // something is left for the finalists
  EXPECT_GT(report.record.result.evaluations, 3);
  EXPECT_LT(report.record.result.evaluations, 12);
  EXPECT_LE(report.record.result.tuning_s, 10);

  // Of a run of 50 ms too, and enough is left to confirm a gain that is there.
  std::filesystem::remove_all(root_ + "/cache");
  measurer_ = ScriptedMeasurer(1);
  measurer_.evaluation_s = 0.4;
  measurer_.cost = [](const Config& c) { return c == Default() ? 0.06 : 0.05; };
  const double second_start = measurer_.now;
  const TuneReport slow = Run();
  EXPECT_LE(measurer_.now, second_start + 10);
  EXPECT_NE(slow.record.config, Default()) << slow.decision;
}

TEST_F(Tuner, NoTimeEvenForTheDefault) {
  options_.seconds = 0.5;
  measurer_.evaluation_s = 3;
  const auto report = Tune(kProblem, TestCpu(), options_, measurer_, &*layers_, nullptr);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(report.status().message()), Mentions({"0.5"}));
}

TEST_F(Tuner, CtrlCKeepsWhatWasFound) {
  std::atomic<bool> stop = false;
  options_.stop = &stop;
  measurer_.cost = [](const Config& c) { return c == Default() ? 1e-3 : 0.5e-3; };
  measurer_.after_evaluation = [&] { stop = measurer_.evaluated.size() >= 7; };
  const TuneReport report = Run();
  EXPECT_EQ(measurer_.evaluated.size(), 7u);
  EXPECT_TRUE(report.interrupted);
  EXPECT_FALSE(report.record.result.complete);
  EXPECT_NE(report.record.config, Default());
  EXPECT_FALSE(layers_->Find(report.record.key).found->record.result.complete);
}

TEST_F(Tuner, CtrlCTakesNoCompleteRecordAwayWithoutAWin) {
  measurer_.cost = [](const Config& c) { return Silu(c).vecs == 6 ? 0.5e-3 : 1e-3; };
  const TuneReport complete = Run();
  ASSERT_EQ(Silu(complete.record.config).vecs, 6);
  const std::string before = FileText(complete.path);

  std::atomic<bool> stop = false;
  options_.stop = &stop;
  measurer_.after_evaluation = [&] { stop = true; };
  TuneReport cut = Run();  // stopped before the record was looked at, then just after it
  EXPECT_TRUE(cut.interrupted);
  EXPECT_EQ(cut.path, "");
  EXPECT_NE(cut.not_saved, "");
  EXPECT_EQ(FileText(complete.path), before);
}

TEST_F(Tuner, WhatCannotBeSavedIsStillReported) {
  std::ofstream(root_ + "/file") << "in the way";
  layers_.emplace(TestCpu(), std::vector<std::string>{root_ + "/file/cache"});
  measurer_.cost = [](const Config& c) { return Silu(c).unroll == 2 ? 0.8e-3 : 1e-3; };
  const TuneReport report = Run();
  EXPECT_EQ(report.path, "");
  EXPECT_NE(report.not_saved, "");
  EXPECT_EQ(Silu(report.record.config).unroll, 2);

  const auto without = Tune(kProblem, TestCpu(), options_, measurer_, nullptr, nullptr);
  ASSERT_TRUE(without.ok());
  EXPECT_NE(without->not_saved, "");
}

TEST_F(Tuner, EveryEvaluationIsTold) {
  struct Told {
    Origin origin;
    bool is_final;
    int number;
    std::string config;
    double best_s, default_s, elapsed_s;
  };
  std::vector<Told> told;
  options_.on_evaluation = [&](const TuneEvaluation& e) {
    told.push_back({e.origin, e.is_final, e.number, ops::ToString(e.evaluation.config), e.best_s,
                    e.default_s, e.elapsed_s});
  };
  measurer_.cost = [](const Config& c) { return Silu(c).vecs == 6 ? 0.5e-3 : 1e-3; };
  const TuneReport report = Run();
  ASSERT_EQ(measurer_.evaluated.size(), 40u);
  ASSERT_EQ(told.size(), 40 + report.finalists.size());
  int estimates = 0, latins = 0;
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_FALSE(told[i].is_final);
    EXPECT_EQ(told[i].number, static_cast<int>(i) + 1);
    EXPECT_EQ(told[i].config, ops::ToString(measurer_.evaluated[i]));
    EXPECT_EQ(told[i].origin == Origin::kDefault, i == 0);
    EXPECT_EQ(told[i].default_s, told[0].default_s);
    EXPECT_GT(told[i].default_s, 0);
    if (i > 0) {
      EXPECT_LE(told[i].best_s, told[i - 1].best_s);
      EXPECT_GT(told[i].elapsed_s, told[i - 1].elapsed_s);
    }
    estimates += told[i].origin == Origin::kEstimate ? 1 : 0;
    latins += told[i].origin == Origin::kLatin ? 1 : 0;
  }
  EXPECT_GE(estimates, 4);  // of five, one may be the default
  EXPECT_GE(latins, 1);
  EXPECT_LE(1 + estimates + latins, 40 / 3);
  EXPECT_EQ(told[39].origin, Origin::kSettle);
  for (size_t i = 40; i < told.size(); ++i) {
    EXPECT_TRUE(told[i].is_final);
    EXPECT_EQ(told[i].config, told[static_cast<size_t>(told[i].number) - 1].config);
  }

  told.clear();  // the record is looked at second
  measurer_.evaluated.clear();
  Run();
  EXPECT_EQ(told[1].origin, Origin::kRecord);
  EXPECT_EQ(told[1].config, ops::ToString(report.record.config));
}

// A recording sets a time limit of an hour so as never to be cut short; it takes much less.
TEST_F(Tuner, TimeLeftIsThatOfTheSearchAndTheRace) {
  options_.seconds = 3600;
  options_.strategy = "exhaustive";
  options_.evaluations = 100;
  double first = 0, most_wrong = 0;
  std::vector<TuneProgress> seen;
  const auto report = Tune(kProblem, TestCpu(), options_, measurer_, nullptr,
                           [&](const TuneProgress& now) { seen.push_back(now); });
  ASSERT_TRUE(report.ok());
  const double end = seen.back().elapsed_s;
  for (const TuneProgress& now : seen) {
    if (now.phase != TuneProgress::Phase::kSearching || now.evaluations < 5) continue;
    if (first == 0) first = now.left_s;
    most_wrong = std::max(most_wrong, std::abs(now.left_s - (end - now.elapsed_s)));
  }
  EXPECT_GT(first, 0.5);  // 95 evaluations of 10 ms each
  EXPECT_LT(most_wrong, 1);
}

TEST_F(Tuner, SameSeedSameWay) {
  auto way = [&](const std::string& strategy, uint64_t seed) {
    measurer_ = ScriptedMeasurer(1);
    measurer_.cost = [](const Config& c) { return 1e-3 / Silu(c).vecs / Silu(c).unroll; };
    options_.strategy = strategy;
    options_.seed = seed;
    std::filesystem::remove_all(root_ + "/cache");
    const TuneReport report = Run();
    std::vector<std::string> evaluated;
    for (const Config& config : measurer_.evaluated) evaluated.push_back(ops::ToString(config));
    evaluated.push_back(ops::ToString(report.record.config));
    return evaluated;
  };
  for (const std::string strategy : {"random", "genetic", "bayes"}) {
    EXPECT_EQ(way(strategy, 5), way(strategy, 5)) << strategy;
    EXPECT_NE(way(strategy, 5), way(strategy, 6)) << strategy;
  }
}

TEST_F(Tuner, RefusesWhatMakesNoSense) {
  auto message = [&] {
    const auto report = Tune(kProblem, TestCpu(), options_, measurer_, &*layers_, nullptr);
    EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(measurer_.evaluated.empty());
    return std::string(report.status().message());
  };
  options_.strategy = "best";
  EXPECT_THAT(message(), Mentions({"best"}));
  options_.strategy = "random";
  options_.evaluations = 0;
  EXPECT_THAT(message(), Mentions({"evaluations", "0", "1"}));
  options_.evaluations = 10;
  options_.seconds = 0;
  EXPECT_THAT(message(), Mentions({"seconds", "0"}));
}

TEST_F(Tuner, ProgressMovesForwardAndEnds) {
  std::vector<TuneProgress> seen;
  auto report = Tune(kProblem, TestCpu(), options_, measurer_, &*layers_,
                     [&](const TuneProgress& now) { seen.push_back(now); });
  ASSERT_TRUE(report.ok());
  ASSERT_GE(seen.size(), 42u);
  for (size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GE(seen[i].phase, seen[i - 1].phase);
    EXPECT_GE(seen[i].evaluations, seen[i - 1].evaluations);
    EXPECT_GE(seen[i].elapsed_s, seen[i - 1].elapsed_s);
    EXPECT_GE(seen[i].left_s, 0);
    EXPECT_GT(seen[i].best_s, 0);
  }
  EXPECT_EQ(seen.back().phase, TuneProgress::Phase::kDone);
  EXPECT_EQ(seen.back().evaluations, 40);
}

TEST_F(Tuner, ANearRecordIsTriedEarly) {
  SigmoidMulConfig found = Silu(Default());
  found.vecs = 5, found.unroll = 4, found.prefetch = 16;
  measurer_.cost = [&](const Config& c) { return c == Config(found) ? 0.7e-3 : 1e-3; };
  options_.strategy = "exhaustive";
  options_.evaluations = 3000;
  ASSERT_EQ(Run().record.config, Config(found));

  measurer_ = ScriptedMeasurer(2);
  options_.strategy = "random";
  options_.evaluations = 12;
  const ops::Problem near = ops::SigmoidMulProblem{.rows = 256, .cols = 384};
  auto report = Tune(near, TestCpu(), options_, measurer_, &*layers_, nullptr);
  ASSERT_TRUE(report.ok());
  ASSERT_GE(measurer_.evaluated.size(), 2u);
  EXPECT_EQ(measurer_.evaluated[1], Config(found));
}

}  // namespace
}  // namespace jitattn::runtime
