// What every strategy must keep: budget, seeds, no repeats, determinism, failures, tiny spaces,
// being better than chance, and which options it refuses.

#include "search/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/rng.h"
#include "lab/replay/study_space.h"
#include "tests/mentions.h"
#include "tests/search/synthetic.h"

namespace jitattn::search {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const StrategyInfo& info : Strategies()) names.emplace_back(info.name);
  return names;
}

class EveryStrategyTest : public ::testing::TestWithParam<std::string> {
 protected:
  // A preset that ends by itself.
  bool stops_early() const { return GetParam() == "genetic-study"; }
};
INSTANTIATE_TEST_SUITE_P(All, EveryStrategyTest, ::testing::ValuesIn(Names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(EveryStrategyTest, SpendsTheBudgetOnDistinctPoints) {
  const SyntheticSpace synthetic = MakeSynthetic(3, 5, 6);
  for (const int budget : {1, 2, 7, 40}) {
    const Found run = Search(synthetic, GetParam(), budget, 11);
    const std::set<int> distinct(run.asked.begin(), run.asked.end());
    EXPECT_EQ(distinct.size(), run.asked.size());
    if (stops_early()) {
      EXPECT_LE(run.asked.size(), std::min(budget, 18));
    } else {
      EXPECT_EQ(run.asked.size(), budget);
    }
  }
}

TEST_P(EveryStrategyTest, AsksForSeedsFirst) {
  const SyntheticSpace synthetic = MakeSynthetic(3, 5, 6);
  // The repeated one is asked for once; a third of 18 is 6, so the last is dropped.
  const Found run = Search(synthetic, GetParam(), 18, 1, {}, {40, 7, 40, 300, 2, 90, 91, 500});
  ASSERT_GE(run.asked.size(), 6);
  EXPECT_EQ(std::vector<int>(run.asked.begin(), run.asked.begin() + 6),
            (std::vector<int>{40, 7, 300, 2, 90, 91}));
}

TEST_P(EveryStrategyTest, IsDeterministicForASeed) {
  const SyntheticSpace synthetic = MakeSynthetic(4, 5, 6);
  const Found first = Search(synthetic, GetParam(), 40, 5);
  EXPECT_EQ(Search(synthetic, GetParam(), 40, 5).asked, first.asked);
  if (GetParam() != "exhaustive") {
    EXPECT_NE(Search(synthetic, GetParam(), 40, 6).asked, first.asked);
  }
}

TEST_P(EveryStrategyTest, LooksAtAllOfASmallSpace) {
  const SyntheticSpace synthetic = MakeSynthetic(2, 2, 5);
  ASSERT_LT(synthetic.space.size(), 100);
  const Found run = Search(synthetic, GetParam(), 100, 1);
  if (stops_early()) return;
  EXPECT_EQ(run.asked.size(), synthetic.space.size());
  EXPECT_EQ(run.best, synthetic.optimum);
}

TEST_P(EveryStrategyTest, EndsOnASpaceOfOnePoint) {
  SyntheticSpace one{
      *Space::Create({{"a", {1}}, {"b", {0}, Parameter::Kind::kCategorical}}, nullptr),
      {1.0},
      1.0,
      {1.0}};
  const Found run = Search(one, GetParam(), 10, 1);
  EXPECT_EQ(run.asked, std::vector<int>{0});
}

TEST_P(EveryStrategyTest, LivesThroughFailures) {
  SyntheticSpace synthetic = MakeSynthetic(2, 4, 5);
  Rng rng(9);
  for (double& cost : synthetic.cost) {
    if (rng.Chance(0.7)) cost = std::numeric_limits<double>::infinity();
  }
  const size_t wanted = stops_early() ? 6 : 18;
  EXPECT_GE(Search(synthetic, GetParam(), 18, 1).asked.size(), wanted);
  for (double& cost : synthetic.cost) cost = std::numeric_limits<double>::infinity();
  const Found none = Search(synthetic, GetParam(), 18, 1);
  EXPECT_GE(none.asked.size(), wanted);
  EXPECT_TRUE(std::isinf(none.best));
}

// Impossible costs, bounds instead of costs, equal costs, and unrequested answers.
TEST_P(EveryStrategyTest, LivesThroughOddAnswers) {
  const SyntheticSpace synthetic = MakeSynthetic(2, 4, 5);
  StrategyContext context;
  context.space = &synthetic.space;
  context.budget = 40;
  auto strategy = *MakeStrategy(GetParam(), context);
  strategy->Tell({.rank = 5, .cost = 1e-3});
  const double odd[] = {std::nan(""), -1.0, 0.0, std::numeric_limits<double>::infinity(),
                        1e-300,       1e300};
  std::set<int> asked = {5};
  int count = 0;
  while (const std::optional<Ask> ask = strategy->Next()) {
    ASSERT_GE(ask->rank, 0);
    ASSERT_LT(ask->rank, synthetic.space.size());
    const bool fresh = asked.insert(ask->rank).second;
    EXPECT_TRUE(fresh || ask->resource > 1) << ask->rank;
    Trial trial{.rank = ask->rank, .cost = 2e-3, .spread = 0.01, .resource = ask->resource};
    if (count % 4 == 1) trial.cost = odd[count / 4 % 6];
    if (count % 4 == 2) trial.outcome = Trial::Outcome::kCensored;
    if (count % 8 == 3) trial.spread = std::nan("");
    ++count;
    strategy->Tell(trial);
  }
  EXPECT_LE(asked.size(), 40);
  if (!stops_early()) {
    EXPECT_EQ(asked.size(), 40);
  }
}

TEST_P(EveryStrategyTest, DoesNotDependOnTheUnitOfCost) {
  const SyntheticSpace seconds = MakeSynthetic(6, 4, 6);
  SyntheticSpace scaled = seconds;
  for (double& cost : scaled.cost) cost *= 0x1p30;  // exact, so that only logs round differently
  const Found a = Search(seconds, GetParam(), 30, 3), b = Search(scaled, GetParam(), 30, 3);
  // Rounding may break a tie the other way late in a run, but no earlier.
  const size_t half = std::min(a.asked.size(), b.asked.size()) / 2;
  EXPECT_EQ(std::vector<int>(a.asked.begin(), a.asked.begin() + half),
            std::vector<int>(b.asked.begin(), b.asked.begin() + half));
}

TEST_P(EveryStrategyTest, NamesItsOptionsAndRefusesOthers) {
  const Space space = lab::StudySpace();
  StrategyContext context;
  context.space = &space;
  const std::vector<StrategyInfo> all = Strategies();
  const auto info = std::find_if(all.begin(), all.end(),
                                 [&](const StrategyInfo& i) { return i.name == GetParam(); });
  EXPECT_FALSE(info->summary.empty());
  for (const OptionInfo& option : info->options) {
    const std::string name(option.name), standard(option.default_value);
    EXPECT_TRUE(MakeStrategy(GetParam(), context, {{{name, standard}}}).ok()) << name;
    const auto beyond = MakeStrategy(GetParam(), context, {{{name, "1e9"}}});
    EXPECT_EQ(beyond.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(beyond.status().message(), Mentions({name, "1e9"})) << name;
    EXPECT_FALSE(MakeStrategy(GetParam(), context, {{{name, "x"}}}).ok()) << name;
    if (option.integer) {
      EXPECT_FALSE(MakeStrategy(GetParam(), context, {{{name, "1.5"}}}).ok()) << name;
    }
    const auto twice = MakeStrategy(GetParam(), context, {{{name, standard}, {name, standard}}});
    EXPECT_THAT(twice.status().message(), Mentions({name}));
  }
  const auto unknown = MakeStrategy(GetParam(), context, {{{"colour", "1"}}});
  EXPECT_THAT(unknown.status().message(), Mentions({GetParam(), "colour"}));
}

TEST(StrategyTest, RefusesWhatItCannotDo) {
  const Space space = lab::StudySpace();
  StrategyContext context;
  EXPECT_EQ(MakeStrategy("random", context).status().code(), absl::StatusCode::kInvalidArgument);
  context.space = &space;
  const auto unknown = MakeStrategy("annealign", context);
  EXPECT_THAT(unknown.status().message(), Mentions({"annealign"}));
  for (const std::string& name : Names()) {
    EXPECT_THAT(unknown.status().message(), HasSubstr(name));
  }
  EXPECT_EQ(CheckStrategy("annealign"), unknown.status());
  EXPECT_TRUE(CheckStrategy("auto").ok());
  EXPECT_THAT(CheckStrategy("random", {{{"colour", "1"}}}).message(), Mentions({"colour"}));
  context.budget = 0;
  EXPECT_THAT(MakeStrategy("random", context).status().message(), Mentions({"0"}));
  context.budget = 5;
  context.seeds = {3, 32};
  EXPECT_THAT(MakeStrategy("random", context).status().message(), Mentions({"32"}));
  context.seeds = {};
  EXPECT_TRUE(MakeStrategy("auto", context).ok());
}

TEST(StrategyTest, LatinHypercubeSpreadsDistinctValidPoints) {
  const Space space =
      *Space::Create({{"a", {0, 1, 2, 3, 4, 5, 6, 7}}, {"b", {0, 1, 2, 3, 4, 5, 6, 7}}}, nullptr);
  const std::vector<int> ranks = WithLatinHypercube(space, {}, 8, 1);
  ASSERT_EQ(ranks.size(), 8);
  std::set<int> a, b;
  for (const int rank : ranks) {
    a.insert(space.Row(rank)[0]);
    b.insert(space.Row(rank)[1]);
  }
  EXPECT_EQ(a.size(), 8);  // each row and each column once
  EXPECT_EQ(b.size(), 8);

  const std::vector<int> with = WithLatinHypercube(space, {9, 3}, 6, 1);
  ASSERT_EQ(with.size(), 6);
  EXPECT_EQ(with[0], 9);
  EXPECT_EQ(with[1], 3);
  EXPECT_EQ(std::set<int>(with.begin(), with.end()).size(), 6);
  EXPECT_EQ(WithLatinHypercube(space, {9, 3}, 2, 1), (std::vector<int>{9, 3}));
  const std::vector<int> all = WithLatinHypercube(space, {}, 1000, 1);
  EXPECT_EQ(std::set<int>(all.begin(), all.end()).size(), 64);
}

TEST(StrategyTest, ExhaustiveLooksInOrderOrEvenly) {
  const SyntheticSpace synthetic = MakeSynthetic(3, 3, 5);
  const int size = synthetic.space.size();
  const Found all = Search(synthetic, "exhaustive", size, 1);
  for (int rank = 0; rank < size; ++rank) ASSERT_EQ(all.asked[rank], rank);
  const Found few = Search(synthetic, "exhaustive", 5, 1);
  EXPECT_EQ(few.asked, (std::vector<int>{0, size / 5, size * 2 / 5, size * 3 / 5, size * 4 / 5}));
}

// Mean score over spaces that no setting was chosen on: 0 is what random search without
// replacement is expected to find at the same budget, 1 the optimum.
double MeanScore(std::string_view strategy, int budget, int repeats) {
  static const std::vector<SyntheticSpace>& suite = *new auto(SyntheticSuite(10));
  double sum = 0;
  for (const SyntheticSpace& synthetic : suite) {
    for (int repeat = 0; repeat < repeats; ++repeat) {
      sum += Score(synthetic, Search(synthetic, strategy, budget, 100 + repeat).best, budget);
    }
  }
  return sum / (repeats * static_cast<double>(suite.size()));
}

TEST(StrategyTest, RandomScoresZero) {
  // The standard error at 40 repeats of 10 spaces is about 0.03.
  EXPECT_NEAR(MeanScore("random", 50, 40), 0, 0.12);
}

// About two thirds of what they score there; differential evolution and CMA-ES have hardly begun at
// 18 evaluations.
struct Floor {
  std::string_view strategy;
  double at_18, at_100;
  int repeats;

  friend void PrintTo(const Floor& floor, std::ostream* os) { *os << floor.strategy; }
};

class StrategyFloorTest : public testing::TestWithParam<Floor> {};

TEST_P(StrategyFloorTest, BeatsRandomByAMargin) {
  const Floor& floor = GetParam();
  EXPECT_GT(MeanScore(floor.strategy, 18, floor.repeats), floor.at_18);
  EXPECT_GT(MeanScore(floor.strategy, 100, floor.repeats), floor.at_100);
}

INSTANTIATE_TEST_SUITE_P(
    All, StrategyFloorTest,
    testing::Values(Floor{"bayes", 0.25, 0.75, 4}, Floor{"thompson", 0.15, 0.5, 6},
                    Floor{"local-search", 0.25, 0.6, 20}, Floor{"annealing", 0.25, 0.6, 20},
                    Floor{"genetic", 0.1, 0.5, 20},
                    Floor{"differential-evolution", -0.05, 0.35, 20},
                    Floor{"cma-es", -0.05, 0.45, 20}, Floor{"bandit", 0.15, 0.5, 10},
                    Floor{"hyperband", 0.0, 0.5, 20}),
    [](const auto& info) {
      std::string name(info.param.strategy);
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// Bracket by bracket: every point asked for at resource 1 before it is asked for at 3, at 3 before
// 9, and fewer points at each.
TEST(StrategyTest, HyperbandPromotesTheBestThird) {
  const SyntheticSpace synthetic = MakeSynthetic(12, 4, 6);
  StrategyContext context;
  context.space = &synthetic.space;
  context.budget = 9;  // the first bracket: 9 points, then 3, then 1
  auto strategy = *MakeStrategy("hyperband", context);
  std::vector<Ask> asked;
  while (const std::optional<Ask> ask = strategy->Next()) {
    asked.push_back(*ask);
    strategy->Tell(synthetic.Evaluate(*ask));
  }
  ASSERT_EQ(asked.size(), 13);
  std::vector<int> first;
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(asked[i].resource, 1);
    first.push_back(asked[i].rank);
  }
  std::sort(first.begin(), first.end(),
            [&](int a, int b) { return synthetic.cost[a] < synthetic.cost[b]; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(asked[9 + i].resource, 3);
    EXPECT_EQ(asked[9 + i].rank, first[i]);
  }
  EXPECT_EQ(asked[12].resource, 9);
  EXPECT_EQ(asked[12].rank, first[0]);
}

// A race reports bounds instead of costs for dropped points; the search must still score well.
TEST(StrategyTest, BayesLearnsFromCensoredTrials) {
  double sum = 0;
  int runs = 0;
  for (const SyntheticSpace& synthetic : SyntheticSuite(10)) {
    StrategyContext context;
    context.space = &synthetic.space;
    context.budget = 60;
    context.seed = 3;
    auto strategy = *MakeStrategy("bayes", context);
    double best = std::numeric_limits<double>::infinity();
    while (const std::optional<Ask> ask = strategy->Next()) {
      Trial trial = synthetic.Evaluate(*ask);
      if (std::isfinite(trial.cost) && trial.cost > 1.05 * best) {
        trial.outcome = Trial::Outcome::kCensored;
        trial.cost = 1.05 * best;
      }
      best = std::min(best, trial.cost);
      strategy->Tell(trial);
    }
    sum += Score(synthetic, best, 60);
    ++runs;
  }
  EXPECT_GT(sum / runs, 0.4);
}

}  // namespace
}  // namespace jitattn::search
