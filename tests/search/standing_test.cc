// The published score of each strategy, recomputed on the spaces that it was measured on.

#include "search/strategies/standing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "lab/replay/tournament.h"
#include "search/strategy.h"
#include "tests/long_tests.h"
#include "tests/search/recorded_spaces.h"

namespace jitattn::search {
namespace {

// A test a strategy: the slowest takes as long as all others.
class StandingOf : public testing::TestWithParam<std::string> {};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const StrategyInfo& info : Strategies()) names.emplace_back(info.name);
  return names;
}

TEST_P(StandingOf, IsThatOfTheSpacesForJudging) {
  std::deque<lab::Recording> recordings;
  std::vector<lab::ReplaySpace> spaces;
  for (const std::string& name : ListedSpaces("For judging")) {
    recordings.push_back(LoadSpace(name));
    spaces.push_back(*lab::ReplaySpace::Create(recordings.back()));
  }
  // The settings of the figures in search/strategies/standing.cc, with fewer repeats.
  lab::TournamentOptions options;
  options.strategies = {GetParam()};
  options.budgets = {100};
  // A Gaussian process takes longer than all others together.
  options.replay = {.repeats = GetParam() == "bayes" ? AllOrSome(50, 12) : 50, .seed = 1};
  options.threads = 2;
  const auto tournament = lab::RunTournament(spaces, options);
  ASSERT_TRUE(tournament.ok()) << tournament.status();
  for (const lab::Entrant& entrant : tournament->entrants) {
    SCOPED_TRACE(entrant.name);
    ASSERT_TRUE(RecordedScore(entrant.name).has_value());
    EXPECT_NEAR(*RecordedScore(entrant.name), entrant.score, 0.06);
    if (entrant.name != "random") {
      EXPECT_EQ(IsBelowRandom(entrant.name), entrant.score < 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, StandingOf, testing::ValuesIn(Names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(StandingTest, OfRandomAndOfUnknownOnes) {
  EXPECT_FALSE(IsBelowRandom("random"));
  EXPECT_FALSE(IsBelowRandom(DefaultStrategy()));
  EXPECT_FALSE(RecordedScore("magic").has_value());
  EXPECT_FALSE(IsBelowRandom("magic"));
}

}  // namespace
}  // namespace jitattn::search
