// Tournaments: who beats whom on spaces where that is known, and that threads change nothing.

#include "lab/replay/tournament.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/mentions.h"
#include "tests/search/synthetic.h"

namespace jitattn::lab {
namespace {

class TournamentTest : public testing::Test {
 protected:
  TournamentTest() {
    for (uint64_t seed = 21; seed < 29; ++seed) {
      const search::SyntheticSpace synthetic = search::MakeSynthetic(seed, 4, 6);
      Recording recording;
      recording.space = synthetic.space;
      for (const double cost : synthetic.cost) {
        recording.points.push_back({.cost = cost, .error = std::isinf(cost) ? "failed" : ""});
      }
      recordings_.push_back(std::move(recording));
    }
    for (const Recording& recording : recordings_) {
      spaces_.push_back(*ReplaySpace::Create(recording));
    }
    options_.strategies = {"local-search", "exhaustive"};
    options_.budgets = {20, 60};
    options_.replay.repeats = 40;
  }

  std::vector<Recording> recordings_;
  std::vector<ReplaySpace> spaces_;
  TournamentOptions options_;
};

TEST_F(TournamentTest, TheBetterStrategyWins) {
  int calls = 0, runs = 0;
  for (const ReplaySpace& space : spaces_) {  // two budgets, and that of the score
    const int draws = ScoreDraws(space, 60);
    runs += 3 * (draws == 20 || draws == 60 ? 2 : 3);
  }
  options_.progress = [&](int done, int all) {
    EXPECT_EQ(done, ++calls);
    EXPECT_EQ(all, runs);
  };
  const auto tournament = RunTournament(spaces_, options_);
  ASSERT_TRUE(tournament.ok()) << tournament.status();
  EXPECT_EQ(calls, runs);
  ASSERT_EQ(tournament->entrants.size(), 3u);  // random joined
  const Entrant& best = tournament->entrants.front();
  EXPECT_EQ(best.name, "local-search");
  EXPECT_GT(best.score, 0);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_GE(tournament->entrants[i - 1].score, tournament->entrants[i].score);
  }
  const Entrant::AtBudget& at60 = best.budgets[1];
  ASSERT_EQ(at60.spaces.size(), 8u);
  EXPECT_GE(at60.against_random.wins, 6);
  EXPECT_EQ(at60.against_random.losses, 0);
  EXPECT_LT(at60.p_random, kSignificance);
  EXPECT_GT(at60.mean, best.budgets[0].mean);
  double mean = 0;
  for (const BudgetResult& space : at60.spaces) mean += space.mean / 8;
  EXPECT_NEAR(at60.mean, mean, 1e-12);
  // Every pair, every budget; wins of the one are losses of the other.
  EXPECT_EQ(tournament->comparisons.size(), 3u * 2u);
  int wins = 0, losses = 0;
  for (const Entrant& entrant : tournament->entrants) {
    for (const Entrant::AtBudget& at : entrant.budgets) {
      const Balance& all = at.against_all;
      EXPECT_EQ(all.wins + all.ties + all.losses, 2 * 8);
      wins += all.wins;
      losses += all.losses;
    }
  }
  EXPECT_EQ(wins, losses);
}

TEST_F(TournamentTest, ThreadsChangeNothing) {
  const auto one = RunTournament(spaces_, options_);
  options_.threads = 3;
  const auto three = RunTournament(spaces_, options_);
  ASSERT_TRUE(one.ok() && three.ok());
  for (size_t e = 0; e < one->entrants.size(); ++e) {
    EXPECT_EQ(one->entrants[e].name, three->entrants[e].name);
    EXPECT_EQ(one->entrants[e].scores, three->entrants[e].scores);
    for (size_t s = 0; s < 8; ++s) {
      EXPECT_EQ(one->entrants[e].budgets[0].spaces[s].fractions,
                three->entrants[e].budgets[0].spaces[s].fractions);
    }
  }
}

TEST_F(TournamentTest, AStrategyTiesWithItself) {
  // Same distribution, other seeds would differ; here the runs are the same ones.
  options_.strategies = {"random"};
  const auto tournament = RunTournament(spaces_, options_);
  ASSERT_TRUE(tournament.ok());
  ASSERT_EQ(tournament->entrants.size(), 1u);
  EXPECT_TRUE(tournament->comparisons.empty());
  EXPECT_EQ(tournament->entrants[0].budgets[0].p_random, 1);
}

TEST_F(TournamentTest, Refuses) {
  EXPECT_FALSE(RunTournament({}, options_).ok());
  options_.strategies = {"genetic", "genetic"};
  EXPECT_THAT(RunTournament(spaces_, options_).status().message(), Mentions({"genetic"}));
  options_.strategies = {"magic"};
  EXPECT_THAT(RunTournament(spaces_, options_).status().message(), Mentions({"magic"}));
  options_.strategies = {"random"};
  options_.budgets = {};
  EXPECT_FALSE(RunTournament(spaces_, options_).ok());
  options_.budgets = {0};
  EXPECT_THAT(RunTournament(spaces_, options_).status().message(), Mentions({"0"}));
}

}  // namespace
}  // namespace jitattn::lab
