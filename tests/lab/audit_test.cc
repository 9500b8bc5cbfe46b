// Audits of scripted machines: what is found, and when a claim falls. No clock decides here.

#include "lab/measuring/audit.h"

#include <atomic>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "tests/runtime/scripted_measurer.h"

namespace jitattn::lab {
namespace {

using jit::SigmoidMulConfig;
using ops::Config;
using testing::HasSubstr;

Config Default() { return ops::DefaultConfig(runtime::kProblem, runtime::TestCpu(), 1); }
void NoProgress(const std::string&) {}

class Audit : public testing::Test {
 protected:
  Audit() {
    options_.tune.conditions.threads = 1;
    options_.seconds = 100;
  }
  absl::StatusOr<Loss> RunLoss() {
    return AuditLoss(runtime::kProblem, runtime::TestCpu(), options_, measurer_, measurer_,
                     NoProgress);
  }

  AuditOptions options_;
  runtime::ScriptedMeasurer measurer_;
};

TEST_F(Audit, FindsTheBestOfTheWholeSpaceAndWhatIsLostToIt) {
  SigmoidMulConfig best = runtime::Silu(Default());
  best.vecs = 5, best.unroll = 4, best.prefetch = 16;
  measurer_.cost = [&](const Config& c) {
    return c == Config(best) ? 0.5e-3 : runtime::Silu(c).vecs == 6 ? 0.8e-3 : 1e-3;
  };
  options_.tune.strategy = "random";  // which does not find one point of a thousand
  options_.tune.evaluations = 30;
  const auto loss = RunLoss();
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ(loss->best, Config(best));
  EXPECT_EQ(loss->default_config, Default());
  EXPECT_EQ(loss->looked_at, loss->space_size);
  EXPECT_LE(loss->space_size, kAuditPoints);
  EXPECT_GT(loss->space_size, 500);
  EXPECT_EQ(loss->evaluations, 30);
  EXPECT_NEAR(loss->default_loss.value, 2, 0.01);
  EXPECT_NEAR(loss->winner_loss.value, 1.6, 0.01);
  EXPECT_LE(loss->winner_loss.low, 1.6);
  EXPECT_GE(loss->winner_loss.high, 1.6);
  EXPECT_NEAR(loss->best_s, 0.5e-3, 1e-5);

  const std::vector<Claim> claims = JudgeLosses(std::vector{*loss});
  ASSERT_EQ(claims.size(), 2u);
  for (const Claim& claim : claims) EXPECT_EQ(claim.ruling, Ruling::kFails) << claim.text;
  EXPECT_THAT(claims[0].figure, testing::ContainsRegex("median .(99.9|100.0) %"));
  EXPECT_THAT(claims[1].figure, testing::ContainsRegex("worst .(59.9|60.0) %"));
}

TEST_F(Audit, WhereTheDefaultIsBestNothingIsLost) {
  measurer_.cost = [](const Config& c) { return c == Default() ? 0.9e-3 : 1e-3; };
  const auto loss = RunLoss();
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ(loss->best, Default());
  EXPECT_EQ(loss->default_loss.value, 1);
  EXPECT_EQ(loss->winner_loss.value, 1);
  for (const Claim& c : JudgeLosses(std::vector{*loss})) EXPECT_EQ(c.ruling, Ruling::kHolds);
}

TEST_F(Audit, TheTimeIsStrictAndSaysWhatWasLookedAt) {
  options_.seconds = 10;
  measurer_.evaluation_s = 0.05;
  const double start = measurer_.now;
  const auto loss = RunLoss();
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_LE(measurer_.now, start + 10);
  EXPECT_LT(loss->looked_at, loss->space_size);
  EXPECT_GT(loss->looked_at, 50);

  measurer_.evaluation_s = 20;
  EXPECT_EQ(RunLoss().status().code(), absl::StatusCode::kInternal);  // not one point
}

TEST_F(Audit, CtrlCEndsItSoon) {
  std::atomic<bool> stop = false;
  options_.tune.stop = &stop;
  measurer_.after_evaluation = [&] { stop = measurer_.evaluated.size() >= 7; };
  EXPECT_EQ(RunLoss().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(measurer_.evaluated.size(), 7u);
  const auto repeats =
      AuditRepeats(runtime::kProblem, runtime::TestCpu(), options_, 3, measurer_, NoProgress);
  EXPECT_EQ(repeats.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(Audit, RepeatsNameTheSameWinner) {
  measurer_.cost = [](const Config& c) { return runtime::Silu(c).vecs == 6 ? 0.8e-3 : 1e-3; };
  const auto repeats =
      AuditRepeats(runtime::kProblem, runtime::TestCpu(), options_, 5, measurer_, NoProgress);
  ASSERT_TRUE(repeats.ok()) << repeats.status();
  EXPECT_EQ(repeats->runs, 5);
  ASSERT_FALSE(repeats->winners.empty());
  int won = 0;
  for (size_t w = 0; w < repeats->winners.size(); ++w) {
    EXPECT_EQ(runtime::Silu(repeats->winners[w]).vecs, 6);
    EXPECT_NEAR(repeats->to_default[w].value, 1.25, 0.01);
    won += repeats->counts[w];
  }
  EXPECT_EQ(won, 5);
  for (const Claim& c : JudgeRepeats(std::vector{*repeats})) {
    EXPECT_EQ(c.ruling, Ruling::kHolds) << c.figure;
  }
}

Repeats Of(std::vector<runtime::Ratio> to_fastest, std::vector<runtime::Ratio> to_default) {
  Repeats r{.to_fastest = std::move(to_fastest), .to_default = std::move(to_default), .runs = 10};
  r.winners.resize(r.to_fastest.size());
  r.counts.assign(r.winners.size(), 1);
  return r;
}

TEST(Claims, RepeatsFallByWhatIsShownOnly) {
  auto standings = [](const Repeats& r) {
    const std::vector<Claim> claims = JudgeRepeats(std::vector{r});
    return std::pair(claims[0].ruling, claims[1].ruling);
  };
  const runtime::Ratio same{1, 1, 1}, tie{1.004, 1.001, 1.008}, apart{1.05, 1.03, 1.07},
      wide{1.05, 0.99, 1.1}, slower{0.95, 0.93, 0.97};
  EXPECT_EQ(standings(Of({same, tie}, {apart, apart})), std::pair(Ruling::kHolds, Ruling::kHolds));
  EXPECT_EQ(standings(Of({same, apart}, {apart, tie})), std::pair(Ruling::kFails, Ruling::kHolds));
  EXPECT_EQ(standings(Of({same, wide}, {apart, slower})),
            std::pair(Ruling::kUnclear, Ruling::kFails));
  EXPECT_TRUE(JudgeRepeats({}).empty());
}

TEST(Claims, LossesAreJudgedByMedianAndWorst) {
  auto loss = [](runtime::Ratio of_default, runtime::Ratio of_winner) {
    return Loss{.default_loss = of_default, .winner_loss = of_winner};
  };
  const runtime::Ratio none{1, 1, 1}, much{1.3, 1.29, 1.31}, little{1.01, 1.005, 1.02},
      wide{1.03, 1.01, 1.05};
  std::vector<Loss> losses = {loss(much, none), loss(little, little), loss(little, none)};
  EXPECT_EQ(JudgeLosses(losses)[0].ruling, Ruling::kHolds);  // the median is
  EXPECT_EQ(JudgeLosses(losses)[1].ruling, Ruling::kHolds);
  losses[0].winner_loss = wide;
  EXPECT_EQ(JudgeLosses(losses)[1].ruling, Ruling::kUnclear);
  losses[2].winner_loss = {1.025, 1.021, 1.03};  // less than the worst, and shown
  EXPECT_EQ(JudgeLosses(losses)[1].ruling, Ruling::kFails);
  EXPECT_TRUE(JudgeLosses({}).empty());
}

}  // namespace
}  // namespace jitattn::lab
