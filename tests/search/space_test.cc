// Space: what it refuses, how points are addressed, neighbours, repair, features.

#include "search/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "lab/replay/study_space.h"
#include "tests/mentions.h"

namespace jitattn::search {
namespace {

using Kind = Parameter::Kind;
using ::testing::ElementsAre;

std::string Refusal(std::vector<Parameter> parameters, Space::Constraint constraint = nullptr) {
  const auto space = Space::Create(std::move(parameters), constraint);
  if (space.ok()) return "accepted";
  EXPECT_EQ(space.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(space.status().message());
}

TEST(SpaceTest, RefusesWithTheValueAndTheRule) {
  EXPECT_NE(Refusal({}), "accepted");
  EXPECT_THAT(Refusal({{"a", {}}}), Mentions({"a"}));
  EXPECT_THAT(Refusal({{"a", {1, 2, 1}, Kind::kCategorical}}), Mentions({"a", "1"}));
  EXPECT_THAT(Refusal({{"a", {2, 1}}}), Mentions({"a", "1", "2"}));
  EXPECT_THAT(Refusal({{"a", {std::nan("")}}}), Mentions({"a", "nan"}));
  EXPECT_THAT(Refusal({{"a", {-1, 2}, Kind::kLog}}), Mentions({"a", "-1"}));
  EXPECT_THAT(Refusal({{"a", {1}, Kind::kLinear, {"x", "y"}}}), Mentions({"a", "2"}));
  EXPECT_THAT(Refusal({{"a", {1}}, {"a", {1}}}), Mentions({"a"}));
  EXPECT_NE(Refusal({{"a", {1, 2}}}, [](const Point&) { return false; }), "accepted");
  std::vector<Parameter> many(1001, Parameter{"", {1}});
  for (size_t i = 0; i < many.size(); ++i) many[i].name = std::to_string(i);
  EXPECT_THAT(Refusal(many), Mentions({"1001"}));
  many.pop_back();
  EXPECT_EQ(Refusal(many), "accepted");
  Parameter wide{"", {}};
  for (int i = 0; i < 20'000; ++i) wide.values.push_back(i);
  Parameter a = wide, b = wide;
  a.name = "a";
  b.name = "b";
  EXPECT_THAT(Refusal({a, b}), Mentions({"268435456"}));
}

TEST(SpaceTest, PointsAreRankedLexicographically) {
  const Space space = *Space::Create({{"a", {1, 2, 3}}, {"b", {1, 2, 3, 4}}},
                                     [](const Point& x) { return (x[0] + x[1]) % 2 == 0; });
  ASSERT_EQ(space.size(), 6);
  for (int rank = 0; rank < space.size(); ++rank) {
    EXPECT_EQ(space.RankOf(space.At(rank)), rank);
    EXPECT_TRUE(rank == 0 || space.At(rank - 1) < space.At(rank));
    EXPECT_TRUE(std::equal(space.Row(rank).begin(), space.Row(rank).end(), space.At(rank).begin()));
  }
  EXPECT_EQ(space.RankOf({0, 1}), std::nullopt);  // refused by the constraint
  EXPECT_EQ(space.RankOf({3, 1}), std::nullopt);  // off the grid
  EXPECT_EQ(space.RankOf({0, -1}), std::nullopt);
  EXPECT_EQ(space.RankOf({0}), std::nullopt);
}

TEST(SpaceTest, FromPointsAgreesWithCreate) {
  const auto constraint = [](const Point& x) { return x[0] != x[1]; };
  const std::vector<Parameter> parameters = {{"a", {1, 2, 3}}, {"b", {1, 2, 3}}};
  const Space created = *Space::Create(parameters, constraint);
  std::vector<Point> points;
  for (int rank = created.size() - 1; rank >= 0; --rank) points.push_back(created.At(rank));
  const Space listed = *Space::FromPoints(parameters, points);
  ASSERT_EQ(listed.size(), created.size());
  for (int rank = 0; rank < listed.size(); ++rank) EXPECT_EQ(listed.At(rank), created.At(rank));

  points.push_back(points[0]);
  EXPECT_EQ(Space::FromPoints(parameters, points).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Space::FromPoints(parameters, {{0, 3}}).status().message(), Mentions({"3", "b"}));
  EXPECT_THAT(Space::FromPoints(parameters, {{0}}).status().message(), Mentions({"1"}));
  EXPECT_EQ(Space::FromPoints(parameters, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SpaceTest, NeighboursStepOverRefusedValues) {
  // b must not be 1 or 2 where a is 0.
  const Space space =
      *Space::Create({{"a", {0, 1}}, {"b", {0, 1, 2, 3}}, {"c", {0, 1, 2}, Kind::kCategorical}},
                     [](const Point& x) { return x[0] != 0 || x[1] == 0 || x[1] == 3; });
  auto points = [&](const Point& from, Space::Neighbourhood kind) {
    std::vector<Point> result;
    for (const int rank : space.Neighbours(*space.RankOf(from), kind)) {
      result.push_back(space.At(rank));
    }
    std::sort(result.begin(), result.end());
    return result;
  };
  EXPECT_THAT(points({0, 0, 1}, Space::Neighbourhood::kAdjacent),
              ElementsAre(Point{0, 0, 0}, Point{0, 0, 2}, Point{0, 3, 1}, Point{1, 0, 1}));
  EXPECT_THAT(points({1, 1, 0}, Space::Neighbourhood::kAdjacent),
              ElementsAre(Point{1, 0, 0}, Point{1, 1, 1}, Point{1, 1, 2}, Point{1, 2, 0}));
  EXPECT_THAT(
      points({1, 1, 0}, Space::Neighbourhood::kHamming),
      ElementsAre(Point{1, 0, 0}, Point{1, 1, 1}, Point{1, 1, 2}, Point{1, 2, 0}, Point{1, 3, 0}));
}

// Branch and bound against the plain definition.
TEST(SpaceTest, RepairFindsTheNearestOfLowestRank) {
  const uint64_t seed = 5;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const Space space = *Space::Create({{"a", {1, 2, 4, 8, 16}, Kind::kLog},
                                      {"b", {0, 1, 2}, Kind::kCategorical},
                                      {"c", {1, 2, 3, 4, 5, 6, 7}}},
                                     [&](const Point&) { return rng.Chance(0.15); });
  const double steps[] = {4, 1, 6};
  for (int a = -1; a < 6; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = -2; c < 8; ++c) {
        const Point target = {std::clamp(a, 0, 4), b, std::clamp(c, 0, 6)};
        int nearest = -1;
        double least = std::numeric_limits<double>::infinity();
        for (int rank = 0; rank < space.size(); ++rank) {
          const std::span<const int> x = space.Row(rank);
          const double distance = std::abs(x[0] - target[0]) / steps[0] + (x[1] != target[1]) +
                                  std::abs(x[2] - target[2]) / steps[2];
          if (distance < least) {
            least = distance;
            nearest = rank;
          }
        }
        EXPECT_EQ(space.Repair({a, b, c}), nearest) << a << ' ' << b << ' ' << c;
      }
    }
  }
}

TEST(SpaceTest, FeaturesAreScaledByKind) {
  const Space space = *Space::Create({{"log", {0, 2, 8}, Kind::kLog},
                                      {"one", {7}},
                                      {"linear", {10, 15, 30}},
                                      {"kind", {0, 1}, Kind::kCategorical}},
                                     nullptr);
  ASSERT_EQ(space.feature_count(), 4);
  EXPECT_THAT(space.feature_parameters(), ElementsAre(0, 2, 3, 3));
  // 0 stands for 1 on the axis 1, 2, 8: log2 is 0, 1, 3.
  const std::vector<double> features = space.Features(*space.RankOf({1, 0, 1, 1}));
  EXPECT_NEAR(features[0], 1.0 / 3, 1e-12);
  EXPECT_NEAR(features[1], 0.25, 1e-12);
  EXPECT_EQ(features[2], 0);
  EXPECT_NEAR(features[3], std::sqrt(0.5), 1e-12);
  EXPECT_EQ(space.Features(0)[0], 0);
}

TEST(SpaceTest, StudySpaceHas32Points) {
  const Space space = lab::StudySpace();
  EXPECT_EQ(space.size(), 32);
  ASSERT_EQ(space.dimensions(), 3);
  EXPECT_THAT(space.parameters()[0].values, ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(space.parameters()[1].values, ElementsAre(8, 16, 32, 64));
  EXPECT_THAT(space.parameters()[2].labels, ElementsAre("f32", "f64"));
}

}  // namespace
}  // namespace jitattn::search
